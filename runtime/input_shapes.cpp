// SPDX-License-Identifier: Apache-2.0
// Binding of a graph's symbols (n, h, w) to extents.
#include "runtime/input_shapes.h"

#include <fmt/format.h>

#include <algorithm>

#include "weights_io/error.h"

namespace sluice {
namespace {

const char *const kAxes[] = {"n", "c", "h", "w"};

[[noreturn]] void refuse(const Graph &graph, const std::string &input, const std::string &what) {
  throw Error(ErrorCode::input_failed, fmt::format("model {}, input '{}': {}", graph.model, input, what));
}

// Binds the symbols of one input; `symbols` holds what earlier inputs said.
void bind_symbols(const Graph &graph, const GraphInput &input, const std::vector<int64_t> &shape,
                  std::map<std::string, int64_t> &symbols) {
  if (shape.size() != 4)
    refuse(graph, input.name, fmt::format("expected 4 dimensions (n c h w), got {}", shape_text(shape)));
  for (size_t d = 0; d < 4; d++) {
    const Dimension &dimension = input.shape.at(d);
    const bool batch = d == 0;
    if (shape[d] <= 0) refuse(graph, input.name, fmt::format("extent {} in {}", shape[d], kAxes[d]));
    int64_t expected = dimension.extent;
    if (!dimension.symbol.empty()) {
      int64_t &bound = symbols.emplace(dimension.symbol, shape[d]).first->second;
      if (batch && bound == 1) bound = shape[d];
      expected = bound;
    }
    if (shape[d] != expected && !(batch && shape[d] == 1)) {
      refuse(graph, input.name, fmt::format("expected {} in {}, got {}", expected, kAxes[d], shape[d]));
    }
  }
}

}  // namespace

std::map<std::string, std::vector<int64_t>> padded_extents(const Graph &graph,
                                                           const std::map<std::string, std::vector<int64_t>> &shapes) {
  std::map<std::string, int64_t> symbols;
  for (const GraphInput &input : graph.inputs) {
    if (input.shape.size() != 4) refuse(graph, input.name, "the graph must give it 4 dimensions (n c h w)");
    const auto given = shapes.find(input.name);
    if (given != shapes.end()) bind_symbols(graph, input, given->second, symbols);
  }
  std::map<std::string, std::vector<int64_t>> padded;
  for (const GraphInput &input : graph.inputs) {
    std::vector<int64_t> extents;  // n c h w
    for (size_t d = 0; d < 4; d++) {
      const Dimension &dimension = input.shape[d];
      if (dimension.symbol.empty()) {
        extents.push_back(dimension.extent);
        continue;
      }
      const auto bound = symbols.find(dimension.symbol);
      if (bound == symbols.end()) refuse(graph, input.name, "it is missing");
      const int64_t multiple = d >= 2 ? graph.multiple : 1;
      extents.push_back((bound->second + multiple - 1) / multiple * multiple);
    }
    padded[input.name] = {extents[1], extents[3], extents[2], extents[0]};
  }
  return padded;
}

std::string first_given_input(const Graph &graph, const TensorMap &inputs) {
  for (const auto &entry : inputs) {
    const bool known = std::any_of(graph.inputs.begin(), graph.inputs.end(),
                                   [&](const GraphInput &input) { return input.name == entry.first; });
    if (!known)
      throw Error(ErrorCode::input_failed, fmt::format("model {} has no input '{}'", graph.model, entry.first));
  }
  for (const GraphInput &input : graph.inputs) {
    if (inputs.count(input.name) != 0) return input.name;
  }
  throw Error(ErrorCode::input_failed, fmt::format("model {}: no inputs given", graph.model));
}

}  // namespace sluice
