// SPDX-License-Identifier: Apache-2.0
// Weights and inputs for a network whose speed is asked for, not its result.
#pragma once
#include <cstdint>

#include "runtime/graph.h"
#include "runtime/input_shapes.h"
#include "weights_io/tensor.h"

namespace sluice {

// shapes: of the inputs that the caller gives. Uniform values with variance gain / fan-in; vectors (biases, means) of
// up to 0.1, running variances near 1.
TensorMap random_weights(const Graph &graph, const Shapes &shapes, uint32_t seed);

// In the units of the graph's input lines, so that the network sees -1..1. A picture of one channel becomes a mask: a
// square hole of half the height and width in its middle. Labels are 0.
TensorMap random_inputs(const Graph &graph, const Shapes &shapes, uint32_t seed);

}  // namespace sluice
