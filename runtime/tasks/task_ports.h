// SPDX-License-Identifier: Apache-2.0
// What a task asks of a graph: inputs and outputs by name.
#pragma once
#include <string>

#include "runtime/graph.h"
#include "weights_io/tensor.h"

namespace sluice {

// The graph's input or output of that name. Error(usage) "model M cannot <purpose>: ..." when there is none.
const GraphInput &find_input(const Graph &graph, const std::string &name, const std::string &purpose);
const GraphOutput &find_output(const Graph &graph, const std::string &name, const std::string &purpose);

// From values as the network is to see them to values as they are given to the model, in place: the inverse of the
// input line's `scale` and `offset`.
void to_given_units(const GraphInput &input, StoredTensor &tensor);

}  // namespace sluice
