// SPDX-License-Identifier: Apache-2.0
// Lookups over the nodes of a graph.
#include "apps/tensor_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "weights_io/error.h"

namespace sluice {

std::string tensor_of_name(const Graph &graph, const std::string &name) {
  for (const Node &node : graph.nodes) {
    if (node.name == name && node.outputs.size() == 1) return node.outputs.front();
  }
  const auto is_input = [&](const GraphInput &input) { return input.name == name; };
  if (std::any_of(graph.inputs.begin(), graph.inputs.end(), is_input)) return name;
  for (const Node &node : graph.nodes) {
    if (std::find(node.outputs.begin(), node.outputs.end(), name) != node.outputs.end()) return name;
  }
  throw Error(ErrorCode::usage, fmt::format("model {} has no node or tensor '{}'", graph.model, name));
}

bool has_output(const Graph &graph, const std::string &name) {
  return std::any_of(graph.outputs.begin(), graph.outputs.end(), [&](const GraphOutput &o) { return o.name == name; });
}

}  // namespace sluice
