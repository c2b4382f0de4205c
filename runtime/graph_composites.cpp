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

bool holds(const GraphDefinition &op, const Node &node) {
  if (op.when_attribute.empty()) return true;
  std::optional<std::string> value;
  for (const GraphArgument &argument : op.arguments) {
    if (argument.name == op.when_attribute) value = argument.fallback;
  }
  if (const auto given = node.attributes.find(op.when_attribute); given != node.attributes.end()) {
    value = given->second.text();
  }
  return value && std::find(op.when_values.begin(), op.when_values.end(), *value) != op.when_values.end();
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

GraphComposites::GraphComposites(const std::map<std::string, std::string> *texts, const std::string &mode) {
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

GraphComposites::Op GraphComposites::find(const Node &node) const {
  if (const auto found = ops_.find(node.op); found != ops_.end()) {
    for (const Op &op : found->second) {
      if (holds(*op.definition, node)) return op;
    }
  }
  return {nullptr, nullptr};
}

GraphScope bind_composite(const GraphDefinition &op, const Node &node, const GraphPosition &position) {
  if (!node.renamed.empty())
    position.fail(fmt::format("{} is made of other ops: rename says nothing to them", op.name));
  GraphScope scope{GraphScope::Kind::op,
                   {{"node", node.name}, {"weights", node.weights}, {"norm_weights", node.norm_weights}},
                   nullptr};
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
