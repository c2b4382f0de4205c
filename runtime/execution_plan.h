// SPDX-License-Identifier: Apache-2.0
// A graph at given input sizes: the shape of every tensor, where it lives, and the order of the work.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "runtime/layer_node.h"
#include "runtime/memory_plan.h"

namespace sluice {

// A tensor of the graph. Extents are innermost first: c, then space from the last axis to the first, then n. A tensor
// that is joined with others lives inside the joined one, a slice inside what it was cut from.
struct PlannedTensor {
  std::string name;
  Extents extents;
  int parent = -1;            // tensor it is a channel slice of
  int64_t channel = 0;        // first channel within the parent
  int64_t offset_bytes = -1;  // in the arena; roots only
  int first = 0, last = 0;    // steps that write and last read it
  int64_t bytes() const { return static_cast<int64_t>(sizeof(float)) * BufferView(nullptr, extents).elements(); }
};

struct PlannedStep {
  const Node *node = nullptr;
  const LayerNode *layer = nullptr;  // null: a structural op; what does not live where it should is copied
  std::vector<int> inputs, outputs;  // tensors
};

struct PlanOptions {
  std::vector<std::string> keep;  // tensors that must survive to the end, besides the graph's outputs
  bool keep_all = false;          // training: backward reads everything
  int processes = 1;              // that an all_gather joins
  int alignment = 64;             // of tensors in the arena, bytes: a device may want more
};

class ExecutionPlan {
 public:
  // input_extents: of every graph input. Shapes are asked from the kernels.
  ExecutionPlan(const Graph &graph, const std::vector<LayerNode> &layers,
                const std::map<std::string, Extents> &input_extents, const PlanOptions &options);

  const std::vector<PlannedTensor> &tensors() const { return tensors_; }
  const std::vector<PlannedStep> &steps() const { return steps_; }
  int step(const std::string &node) const;  // its number; Error not_found
  int64_t arena_bytes() const { return memory_.size_bytes; }
  // Of the arena, where no tensor lives during the step; pieces of at least `least` bytes.
  std::vector<MemoryRange> free_ranges(const PlannedStep &step, int64_t least) const;
  int tensor(const std::string &name) const;  // Error not_found
  bool has(const std::string &name) const { return index_.count(name) != 0; }

  // Extents of a layer's input ports, by port.
  std::map<std::string, Extents> inputs_of(const LayerNode &layer) const;

  // From now on the tensor is there instead of in the arena. Not for one that lives inside another.
  void bind(const std::string &tensor, const BufferView &outside);
  // Where a tensor is in an arena that begins at `base`; strides are those of its root.
  BufferView view(int tensor, float *base) const;
  // The tensor it lives in, itself if in none.
  int root(int tensor) const;

 private:
  int add_tensor(const std::string &name, const Extents &extents, int step);
  void add_layer(const LayerNode &layer, int step);
  void add_structural(const Graph &graph, const Node &node, int step, const PlanOptions &options);
  void add_concat(const Graph &graph, const Node &node, int step);
  std::vector<Extents> extents_of(const std::vector<std::string> &names) const;
  void settle_lifetimes(const Graph &graph, const PlanOptions &options);
  void place(const PlanOptions &options);

  std::vector<PlannedTensor> tensors_;
  std::vector<PlannedStep> steps_;
  std::map<std::string, int> index_;
  std::map<int, BufferView> outside_;
  std::vector<Lifetime> lifetimes_;  // of roots
  MemoryPlan memory_;                // of these
};

}  // namespace sluice
