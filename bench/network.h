// SPDX-License-Identifier: Apache-2.0
// A graph at fixed shapes, planned and filled, so that only kernels are left to be timed.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/arena.h"
#include "runtime/input_shapes.h"
#include "runtime/model.h"

namespace sluice::bench {

// Uniform values with variance gain / fan-in; vectors (biases, means) of up to 0.1, running variances near 1.
TensorMap random_weights(const Graph &graph, const Shapes &shapes, uint32_t seed);

// In the units of the graph's input lines, so that the network sees -1..1. A picture of one channel becomes a mask: a
// square hole of half the height and width in its middle. Labels are 0.
TensorMap random_inputs(const Graph &graph, const Shapes &shapes, uint32_t seed);

class Network {
 public:
  Network(const Graph &graph, const TensorMap &weights, const TensorMap &inputs);

  const Model &model() const { return model_; }
  const ExecutionPlan &plan() const { return plan_; }
  // The inputs may have been overwritten by then: tensors share memory. The time does not depend on them.
  void run(const RunOptions &options = {}) const {
    TensorMap state;
    model_.execute(plan_, arena_.get(), options, state);
  }
  // Of all tensors that layers read and write, and of the packed weights.
  int64_t moved_bytes() const;

 private:
  Model model_;
  ExecutionPlan plan_;
  Arena arena_;
};

}  // namespace sluice::bench
