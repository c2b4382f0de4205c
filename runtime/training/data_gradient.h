// SPDX-License-Identifier: Apache-2.0
// The gradient of a linear layer's input as a forward pass of other layers with the same weight: op
// <layer>_data_gradient of generators/layer_forms.graph, which has kernels that backward has not.
#pragma once
#include <memory>

#include "runtime/model.h"

namespace sluice {

class DataGradient {
 public:
  // For a step of a plan of `model`, computed where the model is; nullptr where no definition takes the node as it is,
  // or its tensors are no pictures.
  static std::unique_ptr<DataGradient> make(const Model &model, const ExecutionPlan &plan, const PlannedStep &step);

  int64_t arena_bytes() const { return plan_.arena_bytes(); }
  // weight: as the step's layer has it now. Writes `result`, all of it. On a device gradient and result may lie in
  // these blocks.
  void run(const BufferView &weight, const BufferView &gradient, const BufferView &result, float *arena,
           const std::vector<const DeviceBlock *> &blocks);

 private:
  DataGradient(Graph graph, TensorMap weights, const LoadOptions &options, const std::map<std::string, Extents> &inputs)
      : model_(std::move(graph), std::move(weights), options), plan_(model_.plan(inputs)) {}

  Model model_;
  ExecutionPlan plan_;
};

}  // namespace sluice
