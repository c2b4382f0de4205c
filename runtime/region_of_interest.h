// SPDX-License-Identifier: Apache-2.0
// What a run has to compute where only some of a graph's outputs are wanted. A mask says more: of what is pasted into a
// hole only the hole counts, so the layers before need compute only what reaches it. Regions are boxes of pixels, found
// backwards from the wanted tensors. What is computed has the values of a run of everything: the same bits by direct
// sums; by Winograd's filtering, whose tiles then begin elsewhere, but for rounding.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/execution_plan.h"
#include "runtime/region.h"

namespace sluice {

// One call of a step's kernel. Inputs in the order of the node.
struct StepPart {
  Box output;
  std::vector<Box> inputs = {};
  std::map<std::string, double> scalars = {};  // of the kernel, instead of the node's own
};

struct StepRegion {
  bool needed = false;
  bool whole = true;  // in one call, as if there were no regions; else
  std::vector<StepPart> parts = {};
};

class RegionsOfInterest {
 public:
  // `wanted`: tensors. `arena`: holds the values of the graph's inputs, masks among them.
  RegionsOfInterest(const Graph &graph, const ExecutionPlan &plan, const std::vector<std::string> &wanted,
                    float *arena);

  const StepRegion &step(size_t number) const { return steps_.at(number); }
  // What a step reads and its mask makes nothing of may not have been computed. It becomes 0, for it must be numbers.
  void clear_unread(size_t number) const;

 private:
  Box whole(int tensor) const;
  int64_t spare(int tensor) const;
  Region everything(int tensor) const;
  const Region &computed(int tensor) const;
  void visit(size_t number, const PlannedStep &step);
  void visit_structural(const PlannedStep &step, const Region &output);
  bool visit_parts(const PlannedStep &step, const Region &output, StepRegion &region);
  std::optional<StepPart> window_part(const PlannedStep &step, const Box &output) const;
  std::optional<StepPart> argument_part(const PlannedStep &step, const Box &output) const;
  StepPart pixel_part(const PlannedStep &step, const Box &output) const;
  // Of every input what counts, by the conditions of the layer's schema; whole pictures where it has none.
  std::vector<Region> masked_inputs(const PlannedStep &step) const;
  Region where(int mask, float other) const;
  void need(int tensor, const Region &region);

  const ExecutionPlan &plan_;
  float *arena_;
  std::vector<bool> given_;  // tensors that are inputs of the graph
  std::vector<Region> needed_, computed_;
  std::vector<int> slice_of_;  // tensors that are parts of others' memory; -1: none
  std::vector<StepRegion> steps_;
};

}  // namespace sluice
