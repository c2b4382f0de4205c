// SPDX-License-Identifier: Apache-2.0
// The tensors and keys of a node line.
#include "runtime/graph_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "runtime/expression.h"
#include "runtime/graph_scope.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

// `from a,b to c`; where the keys begin.
std::size_t read_tensors(const std::vector<std::string> &tokens, Node &node, const GraphPosition &position) {
  std::size_t at = 2;
  for (; at < tokens.size() && (tokens[at] == "from" || tokens[at] == "to"); at += 2) {
    const std::string &side = tokens[at];
    std::vector<std::string> &tensors = side == "from" ? node.inputs : node.outputs;
    if (!tensors.empty()) position.fail(fmt::format("'{}' twice", side));
    if (at + 1 == tokens.size()) position.fail(fmt::format("a tensor is missing after '{}'", side));
    tensors = split_at(tokens[at + 1], ',');
    for (const std::string &tensor : tensors) {
      if (tensor.empty()) position.fail(fmt::format("an empty name after '{}' (a list has no blanks)", side));
      if (!is_graph_name(tensor)) {
        position.fail(fmt::format("bad tensor name {} after '{}'", in_quotes(tensor), side));
      }
      check_length(tensor, position);
    }
  }
  if (node.inputs.empty()) position.fail("'from' is missing after the name");
  if (node.outputs.empty()) node.outputs = {node.name};
  return at;
}

// Names of weights come from other programs; theirs may begin with a digit.
void check_prefix(const std::string &key, const std::string &prefix, const GraphPosition &position) {
  const bool is_name = std::all_of(prefix.begin(), prefix.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
  if (is_name && (prefix.ends_with('.') || prefix.ends_with('_'))) return;
  position.fail(fmt::format("{} is the beginning of a name, up to a '.' or '_', got {}", key, in_quotes(prefix)));
}

// `rename=port:name,port:name+name`
void read_renamed(const std::string &text, Node &node, const GraphPosition &position) {
  for (const std::string &item : split_at(text, ',')) {
    const std::size_t colon = item.find(':');
    const std::string port = item.substr(0, colon), name = colon == std::string::npos ? "" : item.substr(colon + 1);
    const std::vector<std::string> names = split_at(name, '+');
    if (!is_graph_name(port) || !std::all_of(names.begin(), names.end(), is_graph_name)) {
      position.fail("rename is port:name,port:name+name, got " + in_quotes(text));
    }
    if (!node.renamed.emplace(port, name).second) position.fail(fmt::format("'{}' is renamed twice", port));
  }
}

int64_t integer(const Node &node, const std::string &key, const std::string &text, int64_t least,
                const GraphPosition &position) {
  const auto value = as_integer(text);
  if (!value || *value < least || *value > kMaxGraphExtent) {
    position.fail(fmt::format("{} of {} is an integer from {} to {}, got {}", key, node.op, least, kMaxGraphExtent,
                              in_quotes(text)));
  }
  return *value;
}

void check_keys_of(const Node &node, std::span<const std::string> allowed, std::size_t most_inputs,
                   const GraphPosition &position) {
  GraphSettings given;
  for (const auto &[key, value] : node.attributes) given[key] = value.text();
  if (node.weights != node.name + ".") given["weights"] = node.weights;
  if (!node.norm_weights.empty()) given["norm_weights"] = node.norm_weights;
  if (!node.renamed.empty()) given["rename"] = node.renamed.begin()->first;
  check_keys(given, allowed, "key", position);
  if (node.inputs.size() > most_inputs || node.outputs.size() != 1) {
    position.fail(fmt::format("{} reads one tensor and makes one", node.op));
  }
}

const std::vector<std::string> &items(const Node &node, const std::string &key, const GraphPosition &position) {
  const auto found = node.attributes.find(key);
  if (found == node.attributes.end()) position.fail(fmt::format("{} is missing", key));
  return found->second.items;
}

void check_slice(Node &node, const GraphPosition &position) {
  check_keys_of(node, std::array<std::string, 2>{"first", "channels"}, 1, position);
  node.attributes.try_emplace("first", AttributeValue{{"0"}});
  integer(node, "first", node.attributes.at("first").text(), 0, position);
  items(node, "channels", position);
  integer(node, "channels", node.attributes.at("channels").text(), 1, position);
}

void check_reshape(const Node &node, const GraphPosition &position) {
  check_keys_of(node, std::array<std::string, 1>{"shape"}, 2, position);
  int left = 0;
  const std::vector<std::string> &shape = items(node, "shape", position);
  for (const std::string &extent : shape) {
    if (extent == "c" && node.inputs.size() == 2) continue;  // the channels of the second tensor
    left += integer(node, "shape", extent, -1, position) == -1 ? 1 : 0;
  }
  if (shape.size() > kMaxGraphRank) position.fail(fmt::format("more than {} dimensions", kMaxGraphRank));
  if (left > 1) position.fail("only one extent is -1, what is left");
}

}  // namespace

Node read_node(const std::vector<std::string> &tokens, const GraphSettings *parameters, GraphPosition &position) {
  Node node;
  node.op = tokens[0];
  node.name = take_name(tokens, "node", position);
  node.line = position.line;
  GraphSettings given = take_settings(tokens, read_tensors(tokens, node, position), position);
  node.weights = node.name + ".";
  for (const auto &[key, prefix] :
       {std::pair{"weights", &node.weights}, std::pair{"norm_weights", &node.norm_weights}}) {
    const auto said = given.extract(key);
    if (said.empty()) continue;
    if (said.mapped().empty()) position.fail(fmt::format("a value of '{}' is missing", key));
    check_prefix(key, said.mapped(), position);
    *prefix = said.mapped();
  }
  if (const auto said = given.extract("rename"); !said.empty() && !said.mapped().empty())
    read_renamed(said.mapped(), node, position);
  for (const auto &[key, text] : given) {
    for (const std::string &item : split_at(text, ',')) {
      if (item.empty()) position.fail(fmt::format("a value of '{}' is missing", key));
      node.attributes[key].items.push_back(graph_value(item, parameters, position));
    }
  }
  return node;
}

void check_structural(Node &node, const GraphPosition &position) {
  if (node.op == "slice") return check_slice(node, position);
  if (node.op == "reshape") return check_reshape(node, position);
  if (node.op == "all_gather") return check_keys_of(node, {}, 1, position);
  if (node.op != "concat") return;
  if (node.outputs.size() != 1 || !node.attributes.empty() || node.weights != node.name + "." ||
      !node.norm_weights.empty() || !node.renamed.empty()) {
    position.fail("concat joins channels: it has one output and no keys");
  }
}

}  // namespace sluice
