// SPDX-License-Identifier: Apache-2.0
// A network ready to run: graph, kernels, packed weights. Immutable once loaded; any number of threads may call it.
#pragma once
#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/execution_plan.h"
#include "weights_io/tensor.h"

namespace sluice {

struct RunOptions {
  std::vector<std::string> keep;  // inner tensors to return as well
  std::function<void(int done, int total, const std::string &node)>
      progress;                               // called before every node and at the end
  const std::atomic<bool> *cancel = nullptr;  // set it to stop: Error interrupted
};

struct LoadOptions {
  std::map<std::string, std::string> parameters;  // graph parameters (width); override those of the weights file
  std::string device = "cpu";
  const KernelTable *table = nullptr;  // default: KernelTable::linked()
};

class Model {
 public:
  // Error not_found (file, layer, variant), bad_file (graph, weights; missing, unexpected and misshapen names are
  // listed together).
  static std::shared_ptr<const Model> load(const std::filesystem::path &graph, const std::filesystem::path &weights,
                                           const LoadOptions &options = {});
  Model(Graph graph, TensorMap weights, const LoadOptions &options = {});
  Model(const Model &) = delete;

  const Graph &graph() const { return graph_; }
  const std::vector<LayerNode> &layers() const { return layers_; }
  const TensorMap &weights() const { return weights_; }
  int64_t packed_bytes() const { return packed_bytes_; }

  // input_extents: c x y n of every graph input, see padded_extents in runtime/input_shapes.h.
  ExecutionPlan plan(const std::map<std::string, Extents> &input_extents, const PlanOptions &options = {}) const;

  // Tensors in n c h w order, in the units of the graph's input lines. Returns outputs and kept tensors, cropped to the
  // given size where they have the padded one. Errors name the input, what was expected and what came.
  TensorMap run(const TensorMap &inputs, const RunOptions &options = {}) const;

  // What run() is made of, for callers that keep the arena (the backward walk, benchmarks).
  ExecutionPlan plan_for(const TensorMap &inputs, const PlanOptions &options) const;
  void fill_inputs(const ExecutionPlan &plan, const TensorMap &inputs, float *arena) const;
  void execute(const ExecutionPlan &plan, float *arena, const RunOptions &options) const;

  struct Packed {
    std::string name;
    Extents extents;
    std::vector<float> values;
    BufferView view() const { return BufferView(const_cast<float *>(values.data()), extents); }
  };
  // Plain parameter of a node as a kernel wants it; zeros where the node has none (bias=false).
  BufferView parameter(const LayerNode &layer, const SchemaPort &port) const;

 private:
  std::unique_ptr<ExecutionPlan> nominal_plan() const;
  std::string misshapen(const LayerNode &layer, const std::map<std::string, Extents> &inputs) const;
  void check_weights() const;
  void pack(const LayerNode &layer);

  Graph graph_;
  TensorMap weights_;
  std::vector<LayerNode> layers_;
  std::map<std::string, std::vector<Packed>> packed_;                    // by node
  std::map<std::string, std::pair<Extents, std::vector<float>>> zeros_;  // by weight name
  int64_t packed_bytes_ = 0;
};

}  // namespace sluice
