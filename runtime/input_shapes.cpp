// SPDX-License-Identifier: Apache-2.0
// Binding of a graph's symbols (n, h, w) to extents.
#include "runtime/input_shapes.h"

#include <fmt/format.h>

#include <algorithm>

#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr size_t kPicture = 4;  // dimensions of n c h w, whose h and w are padded

// Name of a dimension in messages.
std::string axis_name(size_t rank, size_t d) {
  static const char *const axes[] = {"n", "c", "h", "w"};
  return rank <= kPicture && d < 2 + (rank == kPicture ? 2 : 0) ? axes[d] : fmt::format("dimension {}", d);
}

[[noreturn]] void refuse(const Graph &graph, const std::string &input, const std::string &what) {
  throw Error(ErrorCode::input_failed, fmt::format("model {}, input '{}': {}", graph.model, input, what));
}

// Binds the symbols of one input; `symbols` holds what earlier inputs said.
void bind_symbols(const Graph &graph, const GraphInput &input, const std::vector<int64_t> &shape,
                  std::map<std::string, int64_t> &symbols) {
  const size_t rank = input.shape.size();
  if (shape.size() != rank) {
    refuse(
        graph, input.name,
        fmt::format("expected {} dimensions{}, got {}", rank, rank == kPicture ? " (n c h w)" : "", shape_text(shape)));
  }
  for (size_t d = 0; d < rank; d++) {
    const Dimension &dimension = input.shape.at(d);
    const bool batch = d == 0;
    if (shape[d] <= 0) refuse(graph, input.name, fmt::format("extent {} in {}", shape[d], axis_name(rank, d)));
    int64_t expected = dimension.extent;
    if (!dimension.symbol.empty()) {
      int64_t &bound = symbols.emplace(dimension.symbol, shape[d]).first->second;
      if (batch && bound == 1) bound = shape[d];
      expected = bound;
    }
    if (shape[d] != expected && !(batch && shape[d] == 1)) {
      refuse(graph, input.name, fmt::format("expected {} in {}, got {}", expected, axis_name(rank, d), shape[d]));
    }
  }
}

// c sk .. s1 n from n c s1 .. sk.
std::vector<int64_t> memory_extents(const std::vector<int64_t> &shape) {
  if (shape.size() < 2) return shape;
  std::vector<int64_t> extents{shape[1]};
  for (size_t d = shape.size() - 1; d >= 2; d--) extents.push_back(shape[d]);
  extents.push_back(shape[0]);
  return extents;
}

}  // namespace

Shapes shapes_of(const TensorMap &tensors) {
  Shapes shapes;
  for (const auto &[name, tensor] : tensors) shapes[name] = tensor.shape;
  return shapes;
}

std::map<std::string, std::vector<int64_t>> padded_extents(const Graph &graph, const Shapes &shapes) {
  std::map<std::string, int64_t> symbols;
  for (const GraphInput &input : graph.inputs) {
    const auto given = shapes.find(input.name);
    if (given != shapes.end()) bind_symbols(graph, input, given->second, symbols);
  }
  std::map<std::string, std::vector<int64_t>> padded;
  for (const GraphInput &input : graph.inputs) {
    std::vector<int64_t> extents;  // n c h w
    const bool picture = input.shape.size() == kPicture;
    for (size_t d = 0; d < input.shape.size(); d++) {
      const Dimension &dimension = input.shape[d];
      if (dimension.symbol.empty()) {
        extents.push_back(dimension.extent);
        continue;
      }
      const auto bound = symbols.find(dimension.symbol);
      if (bound == symbols.end()) refuse(graph, input.name, "it is missing");
      const int64_t multiple = picture && d >= 2 ? graph.multiple : 1;
      extents.push_back((bound->second + multiple - 1) / multiple * multiple);
    }
    padded[input.name] = memory_extents(extents);
  }
  return padded;
}

std::string first_given_input(const Graph &graph, const TensorMap &inputs) {
  return first_given_input(graph, shapes_of(inputs));
}

std::string first_given_input(const Graph &graph, const Shapes &inputs) {
  for (const auto &entry : inputs) {
    const bool known = std::any_of(graph.inputs.begin(), graph.inputs.end(),
                                   [&](const GraphInput &input) { return input.name == entry.first; });
    if (!known)
      throw Error(ErrorCode::input_failed, fmt::format("model {} has no input '{}'", graph.model, entry.first));
  }
  std::string first;
  for (const GraphInput &input : graph.inputs) {
    if (inputs.count(input.name) == 0) continue;
    if (input.shape.size() == kPicture) return input.name;
    if (first.empty()) first = input.name;
  }
  if (!first.empty()) return first;
  throw Error(ErrorCode::input_failed, fmt::format("model {}: no inputs given", graph.model));
}

}  // namespace sluice
