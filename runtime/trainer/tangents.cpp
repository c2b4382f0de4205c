// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/tangents.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "runtime/graph_composites.h"
#include "runtime/kernel_table.h"
#include "runtime/structural.h"
#include "weights_io/error.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

using Names = std::set<std::string>;

bool any_of(const std::vector<std::string> &names, const Names &set) {
  return std::any_of(names.begin(), names.end(), [&](const std::string &name) { return set.contains(name); });
}

// Tensors that lead to `of`.
Names tensors_before(const Graph &graph, const std::string &of) {
  Names found = {of};
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    if (any_of(node->outputs, found)) found.insert(node->inputs.begin(), node->inputs.end());
  }
  return found;
}

class Tangents {
 public:
  Tangents(const std::string &prefix, const std::map<std::string, std::string> &composites, const std::string &where)
      : prefix_(prefix + "."), composites_(&composites, "train", "training"), where_(where) {}

  void begin(const std::string &tensor, const std::string &direction) { tangents_[tensor] = direction; }
  bool moves(const Node &node) const {
    return std::any_of(node.inputs.begin(), node.inputs.end(),
                       [&](const auto &one) { return tangents_.contains(one); });
  }
  const std::string &of(const std::string &tensor) const { return tangents_.at(tensor); }

  std::string line(const Node &node) {
    if (node.outputs.size() != 1 || !node.renamed.empty()) refuse(node, "");
    Node tangent = node;
    tangent.name = prefix_ + node.name;
    tangent.outputs = {tangents_[node.outputs[0]] = prefix_ + node.outputs[0]};
    is_structural(node.op) ? take_directions(tangent, node) : take_definition(tangent, node);
    std::string text = fmt::format("{} {} from {} to {}", tangent.op, tangent.name, fmt::join(tangent.inputs, ","),
                                   tangent.outputs[0]);
    for (const auto &[key, value] : tangent.attributes) text += fmt::format(" {}={}", key, value.text());
    return is_structural(node.op) ? text : text + " weights=" + node.weights;
  }

 private:
  [[noreturn]] void refuse(const Node &node, const std::string &moving) const {
    std::string keys;
    for (const auto &[key, value] : node.attributes) keys += fmt::format(" {}={}", key, value.text());
    throw Error(ErrorCode::bad_file,
                fmt::format("{}: node {} ({}{}) lies between, and there is no second derivative of this op{}{}", where_,
                            in_quotes(node.name), node.op, keys, moving.empty() ? "" : " in ", moving));
  }

  // Structural ops are linear. A part that does not move has no tensor of zeros to stand for its direction.
  void take_directions(Node &tangent, const Node &node) const {
    for (std::string &input : tangent.inputs) {
      const auto found = tangents_.find(input);
      if (found == tangents_.end()) refuse(node, "");
      input = found->second;
    }
  }

  void take_definition(Node &tangent, const Node &node) const {
    const LayerSchema &schema = KernelTable::linked().schema(node.op);
    std::vector<std::string> moving;
    tangent.inputs.clear();
    for (size_t i = 0; i < node.inputs.size(); i++) {
      const auto found = tangents_.find(node.inputs[i]);
      if (found == tangents_.end()) continue;
      moving.push_back(schema.inputs[i].name);
      tangent.inputs.push_back(found->second);
    }
    tangent.op += "_tangent";
    tangent.attributes["moving"] = {{fmt::format("{}", fmt::join(moving, "_and_"))}};
    if (composites_.find(tangent).definition == nullptr) refuse(node, fmt::format("{}", fmt::join(moving, " and ")));
    tangent.inputs.push_back(node.outputs[0]);
    tangent.inputs.insert(tangent.inputs.end(), node.inputs.begin(), node.inputs.end());
  }

  std::string prefix_;
  GraphComposites composites_;
  std::string where_;
  std::map<std::string, std::string> tangents_;  // tensor -> its derivative
};

}  // namespace

TangentLines tangent_lines(const Graph &graph, const std::string &of, const std::string &at,
                           const std::string &direction, const std::string &prefix,
                           const std::map<std::string, std::string> &composites, const std::string &where) {
  const Names before = tensors_before(graph, of);
  const std::vector<std::string> behind = tensors_behind(graph, {at}, {});
  if (of == at || std::find(behind.begin(), behind.end(), of) == behind.end())
    throw Error(ErrorCode::bad_file, fmt::format("{}: {} does not depend on {}", where, in_quotes(of), in_quotes(at)));
  Tangents tangents(prefix, composites, where);
  tangents.begin(at, direction);
  TangentLines result;
  for (const Node &node : graph.nodes) {
    const bool makes_at = std::find(node.outputs.begin(), node.outputs.end(), at) != node.outputs.end();
    if (!makes_at && tangents.moves(node) && any_of(node.outputs, before)) result.lines.push_back(tangents.line(node));
  }
  result.tangent = tangents.of(of);
  return result;
}

std::vector<std::string> tensors_behind(const Graph &graph, const std::vector<std::string> &from,
                                        const std::vector<std::string> &prefixes) {
  Names found(from.begin(), from.end());
  for (const Node &node : graph.nodes) {
    const bool weighs = std::any_of(prefixes.begin(), prefixes.end(),
                                    [&](const std::string &prefix) { return node.weights.starts_with(prefix); });
    if (weighs || any_of(node.inputs, found)) found.insert(node.outputs.begin(), node.outputs.end());
  }
  return {found.begin(), found.end()};
}

}  // namespace sluice
