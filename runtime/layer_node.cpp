// SPDX-License-Identifier: Apache-2.0
// How attributes of a graph line become variants, kernel arguments and shapes.
#include "runtime/layer_node.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "runtime/expression.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

std::vector<std::string> attribute_names(const LayerSchema &schema) {
  std::vector<std::string> names;
  for (const SchemaAttribute &attribute : schema.attributes) names.push_back(attribute.name);
  return names;
}

// "1.0" and "1" are one value of a variant.
std::string canonical(const std::string &text) {
  const auto integer = as_integer(text);
  return integer ? std::to_string(*integer) : text;
}

}  // namespace

LayerNode::LayerNode(const Graph &graph, const Node &node, const KernelTable &table, const std::string &device)
    : node_(&node),
      schema_(nullptr),
      table_(&table),
      where_(fmt::format("model {}, node {}", graph.model, node.name)),
      location_(fmt::format("{}:{}: node '{}'", graph.file, node.line, node.name)),
      device_(device) {
  try {
    schema_ = &table.schema(node.op);
  } catch (const Error &error) {
    throw Error(error.code(), fmt::format("{}: {}", location_, error.what()));
  }
  check_ports();
  for (const auto &[name, value] : node.attributes) {
    const std::vector<std::string> known = attribute_names(*schema_);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw Error(ErrorCode::bad_file, fmt::format("{}: {} has no attribute '{}'; it has: {}", location_, node.op, name,
                                                   fmt::join(known, " ")));
    }
  }
  for (const SchemaAttribute &attribute : schema_->attributes) {
    const auto said = node.attributes.find(attribute.name);
    read_attribute(attribute, said == node.attributes.end() ? nullptr : &said->second);
  }
  kernel("forward");
}

void LayerNode::check_ports() const {
  if (node_->inputs.size() != schema_->inputs.size() || node_->outputs.size() != schema_->outputs.size()) {
    throw Error(ErrorCode::bad_file, fmt::format("{}: {} reads {} and makes {} tensors, got {} and {}", location_,
                                                 node_->op, schema_->inputs.size(), schema_->outputs.size(),
                                                 node_->inputs.size(), node_->outputs.size()));
  }
}

void LayerNode::read_attribute(const SchemaAttribute &attribute, const AttributeValue *said) {
  AttributeValue value;
  if (said != nullptr) {
    value = *said;
  } else if (!attribute.fallback.empty()) {
    value.items = {attribute.fallback};
  } else if (attribute.kind == AttributeKind::shape) {
    return;  // the weights tell
  } else {
    throw Error(ErrorCode::bad_file, fmt::format("{}: attribute '{}' is missing", location_, attribute.name));
  }
  for (const auto &[word, argument] : attribute.words) values_[argument] = value.text() == word ? "1" : "0";
  const bool is_word = std::any_of(attribute.words.begin(), attribute.words.end(),
                                   [&](const auto &w) { return w.first == value.text(); });
  if (attribute.kind == AttributeKind::variant || attribute.kind == AttributeKind::note) {
    const std::string text = canonical(value.collapse().text());
    if (!attribute.built.empty() &&
        std::find(attribute.built.begin(), attribute.built.end(), text) == attribute.built.end()) {
      throw Error(ErrorCode::not_found, fmt::format("{}: {}={} is not built; built: {}", location_, attribute.name,
                                                    text, fmt::join(attribute.built, " ")));
    }
    values_[attribute.name] = text;
    return;
  }
  if (value.items.size() != 1 && value.items.size() != attribute.parts.size()) {
    throw Error(ErrorCode::bad_file,
                fmt::format("{}: attribute '{}' takes 1 or {} values ({}), got '{}'", location_, attribute.name,
                            attribute.parts.size(), fmt::join(attribute.parts, ","), value.text()));
  }
  for (size_t i = 0; i < attribute.parts.size(); i++) {
    const std::string text = is_word ? "0" : value.items[value.items.size() == 1 ? 0 : i];
    const bool boolean = text == "true" || text == "false";
    const bool fits =
        attribute.kind == AttributeKind::real ? as_number(text).has_value() : as_integer(text).has_value() || boolean;
    if (!fits) {
      throw Error(ErrorCode::bad_file,
                  fmt::format("{}: attribute '{}' expects {}, got '{}'", location_, attribute.name,
                              attribute.kind == AttributeKind::real ? "a number" : "a whole number", text));
    }
    values_[attribute.parts[i]] = text;
  }
}

std::string LayerNode::describe_variant(const std::string &direction) const {
  std::string text;
  for (const SchemaAttribute &attribute : schema_->attributes) {
    if (attribute.kind == AttributeKind::variant)
      text += fmt::format(" {}={}", attribute.name, values_.at(attribute.name));
  }
  return fmt::format("{} {} on {} with{}", node_->op, direction, device_, text.empty() ? " no variants" : text);
}

const Kernel &LayerNode::kernel(const std::string &direction, const std::map<std::string, std::string> &more) const {
  std::map<std::string, std::string> values = values_;
  values.insert(more.begin(), more.end());
  const Kernel *kernel = table_->find(node_->op, direction, device_, values);
  if (kernel != nullptr) return *kernel;
  throw Error(ErrorCode::not_found,
              fmt::format("{}: no kernel is built for {}; `sluice inspect --kernels` lists those that are", location_,
                          describe_variant(direction)));
}

std::vector<const SchemaPort *> LayerNode::parameters() const {
  std::vector<const SchemaPort *> ports;
  for (const SchemaPort &port : schema_->parameters) {
    const auto condition = values_.find(port.when);
    if (port.when.empty() || condition == values_.end() || condition->second == "true" || condition->second == "1")
      ports.push_back(&port);
  }
  return ports;
}

void LayerNode::infer_from(const TensorMap &weights) {
  for (const SchemaPort *port : parameters()) {
    const auto weight = weights.find(weight_name(*port));
    if (weight == weights.end() || weight->second.shape.size() != port->axes.size()) continue;
    for (size_t d = 0; d < port->axes.size(); d++) {
      const std::string &name = port->axes[d].extent;
      const bool plain =
          std::any_of(schema_->attributes.begin(), schema_->attributes.end(), [&](const SchemaAttribute &attribute) {
            return std::find(attribute.parts.begin(), attribute.parts.end(), name) != attribute.parts.end();
          });
      if (plain && values_.count(name) == 0)
        values_[name] = std::to_string(weight->second.shape[port->axes.size() - 1 - d]);
    }
  }
}

std::optional<Extents> LayerNode::parameter_extents(const SchemaPort &port,
                                                    const std::map<std::string, Extents> &inputs) const {
  bool known = true;
  const auto lookup = [&](const std::string &name) -> std::optional<std::string> {
    const auto value = values_.find(name);
    if (value != values_.end()) return value->second;
    for (const SchemaPort &input : schema_->inputs) {
      const auto extents = inputs.find(input.name);
      for (size_t d = 0; d < input.axes.size(); d++) {
        if (name != input.name + "." + input.axes[d].name) continue;
        if (extents != inputs.end()) return std::to_string(extents->second[d]);
      }
    }
    known = false;
    return "1";
  };
  Extents extents;
  for (const SchemaAxis &axis : port.axes) {
    const auto extent = as_integer(evaluate(axis.extent, lookup));
    if (!known) return std::nullopt;
    if (!extent || *extent <= 0)
      throw Error(ErrorCode::bad_file,
                  fmt::format("{}: {} of {} is not a positive number", location_, axis.extent, port.name));
    extents.push_back(*extent);
  }
  return extents;
}

void LayerNode::bind_scalars(KernelCall &call) const {
  for (const std::string &name : call.scalars()) {
    const auto value = values_.find(name);
    if (value == values_.end()) throw Error(ErrorCode::bad_file, fmt::format("{}: '{}' is not known", location_, name));
    call.bind_scalar(name, as_number(value->second).value_or(value->second == "true" ? 1 : 0));
  }
}

}  // namespace sluice
