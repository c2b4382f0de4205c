// SPDX-License-Identifier: Apache-2.0
// A graph at fixed shapes, planned and filled, so that only kernels are left to be timed.
#pragma once
#include <cstdint>

#include "runtime/arena.h"
#include "runtime/input_shapes.h"
#include "runtime/model.h"
#include "runtime/tuning/random_tensors.h"

namespace sluice::bench {

class Network {
 public:
  Network(const Graph &graph, const TensorMap &weights, const TensorMap &inputs, const LoadOptions &options = {});

  const Model &model() const { return model_; }
  const ExecutionPlan &plan() const { return plan_; }
  // Where only some outputs are wanted the time depends on masks, so inputs are filled anew: tensors share memory. That
  // is part of the time then.
  void run(const RunOptions &options = {}) const {
    TensorMap state;
    if (!options.outputs.empty()) model_.fill_inputs(plan_, inputs_, arena_.get());
    model_.execute(plan_, arena_.get(), options, state);
  }
  // Of all tensors that layers read and write, and of the packed weights.
  int64_t moved_bytes() const;

 private:
  Model model_;
  ExecutionPlan plan_;
  Arena arena_;
  TensorMap inputs_;
};

}  // namespace sluice::bench
