// SPDX-License-Identifier: Apache-2.0
// Names that callers use for the tensors of a graph: of outputs, of nodes, of tensors.
#pragma once
#include <string>

#include "runtime/graph.h"

namespace sluice {

// The tensor that a node's name or a tensor's name stands for; the node goes first where it makes one tensor.
// Error(usage) when the graph has neither.
std::string tensor_of_name(const Graph &graph, const std::string &name);

bool has_output(const Graph &graph, const std::string &name);

}  // namespace sluice
