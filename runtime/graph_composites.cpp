// SPDX-License-Identifier: Apache-2.0
// Reading composite ops, choosing among them, binding their ports and attributes.
#include "runtime/graph_composites.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>

#include "weights_io/text.h"

namespace sluice {
namespace {

// The default of an attribute as a node line would give it.
std::string fallback_text(const std::string &text, const GraphPosition &position) {
  if (text.empty()) return "";
  AttributeValue value;
  for (const std::string &item : split_at(text, ',')) value.items.push_back(graph_value(item, nullptr, position));
  return value.text();
}

std::optional<std::string> value_of(const std::string &attribute, const GraphDefinition &op, const Node &node) {
  if (const auto given = node.attributes.find(attribute); given != node.attributes.end()) return given->second.text();
  for (const GraphArgument &argument : op.arguments) {
    if (argument.name == attribute) return argument.fallback;
  }
  return std::nullopt;
}

void bind_ports(const GraphDefinition &op, const Node &node, GraphSettings &values, const GraphPosition &position) {
  std::vector<std::string> names;
  std::size_t least = 0;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    const GraphPort &port = op.inputs[i];
    least += port.optional ? 0 : 1;
    names.push_back(port.name + (port.optional ? "?" : ""));
    values[port.name] = i < node.inputs.size() ? node.inputs[i] : "";
  }
  if (node.inputs.size() < least || node.inputs.size() > names.size()) {
    position.fail(fmt::format("{} reads {}; {} given", op.name, fmt::join(names, ","), node.inputs.size()));
  }
  if (node.outputs.size() != op.outputs.size()) {
    position.fail(fmt::format("{} makes {}; {} given", op.name, fmt::join(op.outputs, ","), node.outputs.size()));
  }
  for (std::size_t i = 0; i < op.outputs.size(); ++i) values[op.outputs[i]] = node.outputs[i];
}

}  // namespace

GraphComposites::GraphComposites(const std::map<std::string, std::string> *texts, const std::string &mode,
                                 const std::string &purpose)
    : purpose_(purpose) {
  if (texts == nullptr) return;
  for (const auto &[name, text] : *texts) read(name, text, mode);
}

void GraphComposites::read(const std::string &name, const std::string &text, const std::string &mode) {
  GraphLibrary &library = libraries_[name];
  GraphPosition position{name + ".graph", 0, "", ""};
  GraphPlaceholders placeholders(mode, position);
  GraphDefinitionReader reader(library, position, nullptr, placeholders);
  for_each_line(text, position, [&](const std::vector<std::string> &tokens, const std::string &) {
    if (reader.is_open()) return reader.add(tokens);
    if (tokens[0] != "block" && tokens[0] != "op") position.fail("only blocks and ops stand here");
    reader.begin(tokens);
  });
  reader.finish();
  for (const GraphDefinition &op : library.ops) {
    std::vector<Op> &others = ops_[op.name];
    position.line = op.line;
    position.subject = "op " + in_quotes(op.name);
    if (!others.empty() && others.front().library != &library) position.fail("already defined in another file");
    others.push_back({&library, &op});
    for (const GraphArgument &argument : op.arguments) fallback_text(argument.fallback.value_or(""), position);
  }
}

bool GraphComposites::holds(const GraphDefinition &op, const Node &node) const {
  return std::all_of(op.when.begin(), op.when.end(), [&](const auto &condition) {
    const auto &[attribute, values] = condition;
    const bool asks_purpose = attribute == "purpose";
    if (asks_purpose && !node.renamed.empty() && !op.takes_rename) return false;
    const std::optional<std::string> value = asks_purpose ? purpose_ : value_of(attribute, op, node);
    return value && std::find(values.begin(), values.end(), *value) != values.end();
  });
}

std::set<std::string> GraphComposites::attributes(const std::string &op) const {
  std::set<std::string> names;
  const auto found = ops_.find(op);
  if (found == ops_.end()) return names;
  for (const Op &one : found->second) {
    for (const GraphArgument &argument : one.definition->arguments) names.insert(argument.name);
  }
  return names;
}

GraphComposites::Op GraphComposites::find(const Node &node) const {
  if (const auto found = ops_.find(node.op); found != ops_.end()) {
    for (const Op &op : found->second) {
      if (holds(*op.definition, node)) return op;
    }
  }
  return {nullptr, nullptr};
}

GraphScope bind_composite(const GraphDefinition &op, const Node &node, const GraphPosition &position) {
  if (!node.renamed.empty() && !op.takes_rename)
    position.fail(fmt::format("{} is made of other ops: rename says nothing to them", op.name));
  GraphScope scope{GraphScope::Kind::op,
                   {{"node", node.name}, {"weights", node.weights}, {"norm_weights", node.norm_weights}},
                   nullptr};
  std::string &rename = scope.values["rename"];
  for (const auto &[port, name] : node.renamed) rename += fmt::format("{}{}:{}", rename.empty() ? "" : ",", port, name);
  bind_ports(op, node, scope.values, position);
  GraphSettings others;
  for (const auto &[key, value] : node.attributes) others[key] = value.text();
  std::vector<std::string> names;
  for (const GraphArgument &argument : op.arguments) {
    names.push_back(argument.name);
    if (const auto given = others.extract(argument.name); !given.empty()) {
      scope.values[argument.name] = given.mapped();
    } else if (argument.fallback) {
      scope.values[argument.name] = fallback_text(*argument.fallback, position);
    } else {
      position.fail(fmt::format("attribute '{}' is missing", argument.name));
    }
  }
  if (!op.takes_attributes) check_keys(others, names, "attribute", position);
  std::string &attributes = scope.values["attributes"];
  for (const auto &[key, text] : others) attributes += fmt::format("{}{}={}", attributes.empty() ? "" : " ", key, text);
  return scope;
}

}  // namespace sluice
