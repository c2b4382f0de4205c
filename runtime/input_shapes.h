// SPDX-License-Identifier: Apache-2.0
// What the shapes a caller gives say about a graph's inputs.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "runtime/graph.h"
#include "runtime/kernel_call.h"
#include "weights_io/tensor.h"

namespace sluice {

// n c h w shapes, by input or output.
using Shapes = std::map<std::string, std::vector<int64_t>>;
Shapes shapes_of(const TensorMap &tensors);

// Extents (innermost first) of every graph input, heights and widths of pictures padded to the model's multiple, given
// the n c h w shapes of those that a caller has. Equal symbols must have equal extents; a batch of 1 serves any batch.
// Errors name input and axis.
std::map<std::string, std::vector<int64_t>> padded_extents(const Graph &graph, const Shapes &shapes);

// The first of the graph's inputs that is given, a picture (n c h w) if there is one: its height and width are the
// picture's. Error for an unknown name.
std::string first_given_input(const Graph &graph, const Shapes &inputs);
std::string first_given_input(const Graph &graph, const TensorMap &inputs);

}  // namespace sluice
