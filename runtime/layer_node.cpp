// SPDX-License-Identifier: Apache-2.0
// A node against its schema: which kernel it takes, and the shapes its parameters have. Attributes:
// layer_attributes.cpp.
#include "runtime/layer_node.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "runtime/expression.h"
#include "runtime/graph_text.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr const char *kJoin = "+";  // between the tensors that make up one parameter

std::vector<std::string> attribute_names(const LayerSchema &schema) {
  std::vector<std::string> names;
  for (const SchemaAttribute &attribute : schema.attributes) names.push_back(attribute.name);
  return names;
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
      throw Error(ErrorCode::bad_file, fmt::format("{}: {} has no attribute '{}'; it has: {}{}", location_, node.op,
                                                   name, fmt::join(known, " "), suggestion(name, known)));
    }
  }
  values_["node"] = node.name;  // of kernels made for one node
  for (const SchemaAttribute &attribute : schema_->attributes) {
    if (attribute.kind == AttributeKind::derived) continue;
    const auto said = node.attributes.find(attribute.name);
    read_attribute(attribute, said == node.attributes.end() ? nullptr : &said->second);
  }
  for (const SchemaAttribute &attribute : schema_->attributes) {
    if (attribute.kind == AttributeKind::derived) derive(attribute);
  }
  const std::vector<const SchemaPort *> all = schema_->stored();
  const bool has_norm =
      std::any_of(all.begin(), all.end(), [](const SchemaPort *port) { return !port->norm_name.empty(); });
  if (!node.norm_weights.empty() && !has_norm)
    throw Error(ErrorCode::bad_file,
                fmt::format("{}: {} has no norm that norm_weights could name", location_, node.op));
  for (const auto &entry : node.renamed) {
    const std::string &port = entry.first;
    const bool known = std::any_of(all.begin(), all.end(), [&](const SchemaPort *one) { return one->name == port; });
    if (!known)
      throw Error(ErrorCode::bad_file, fmt::format("{}: {} has no parameter '{}' to rename", location_, node.op, port));
  }
  if (groups() > 1 && words_.count("spectral_norm") != 0 && words_.at("spectral_norm") != "none")
    throw Error(ErrorCode::not_found, location_ + ": a spectral norm over groups is not built");
  // Values that follow from weights may change once those are known.
  if (nearest_kernel("forward").second > 0) kernel("forward");
}

void LayerNode::check_ports() const {
  const auto required = std::count_if(schema_->inputs.begin(), schema_->inputs.end(),
                                      [](const SchemaPort &port) { return !port.optional; });
  const size_t inputs = node_->inputs.size(), outputs = node_->outputs.size();
  if (inputs < static_cast<size_t>(required) || inputs > schema_->inputs.size() || outputs == 0 ||
      outputs > schema_->outputs.size()) {
    throw Error(
        ErrorCode::bad_file,
        fmt::format("{}: {} reads {}{} and makes {} tensors, got {} and {}", location_, node_->op,
                    static_cast<size_t>(required) == schema_->inputs.size() ? "" : fmt::format("{} to ", required),
                    schema_->inputs.size(), schema_->outputs.size(), inputs, outputs));
  }
}

int64_t LayerNode::groups() const {
  for (const SchemaAttribute &attribute : schema_->attributes) {
    if (attribute.kind == AttributeKind::groups)
      return std::max<int64_t>(as_integer(values_.at(attribute.name)).value_or(1), 1);
  }
  return 1;
}

std::string LayerNode::describe_variant(const std::string &direction) const {
  std::string text;
  for (const SchemaAttribute &attribute : schema_->attributes) {
    if (attribute.kind == AttributeKind::variant ||
        (attribute.kind == AttributeKind::derived && values_.count(attribute.name) != 0))
      text += fmt::format(" {}={}", attribute.name, values_.at(attribute.name));
  }
  return fmt::format("{} {} on {} with{}", node_->op, direction, device_, text.empty() ? " no variants" : text);
}

LayerNode LayerNode::on_device(const KernelTable &table, const std::string &device) const {
  LayerNode other = *this;
  other.table_ = &table;
  other.schema_ = &table.schema(node_->op);
  other.device_ = device;
  return other;
}

const Kernel *LayerNode::find_kernel(const std::string &direction,
                                     const std::map<std::string, std::string> &more) const {
  std::map<std::string, std::string> values = values_;
  values.insert(more.begin(), more.end());
  return table_->find(node_->op, direction, device_, values);
}

// The kernel that most of the node's values fit, and how many do not, those not counted that are derived.
std::pair<const Kernel *, size_t> LayerNode::nearest_kernel(const std::string &direction) const {
  std::pair<const Kernel *, size_t> nearest{nullptr, SIZE_MAX};
  const auto is_derived = [&](const std::string &name) {
    return std::any_of(schema_->attributes.begin(), schema_->attributes.end(), [&](const SchemaAttribute &attribute) {
      return attribute.name == name && attribute.kind == AttributeKind::derived;
    });
  };
  for (const Kernel &kernel : table_->kernels()) {
    if (kernel.layer != node_->op || kernel.direction != direction || kernel.device != device_) continue;
    size_t others = 0;
    for (const auto &[name, value] : kernel.variant) {
      const auto said = values_.find(name);
      others += (said == values_.end() || said->second != value) && !is_derived(name) ? 1 : 0;
    }
    if (others < nearest.second) nearest = {&kernel, others};
  }
  return nearest;
}

const Kernel &LayerNode::kernel(const std::string &direction, const std::map<std::string, std::string> &more) const {
  const Kernel *kernel = find_kernel(direction, more);
  if (kernel != nullptr) return *kernel;
  const Kernel *nearest = nearest_kernel(direction).first;
  std::string values;
  for (const auto &[name, value] : nearest == nullptr ? std::map<std::string, std::string>() : nearest->variant)
    values += fmt::format(" {}={}", name, value);
  throw Error(ErrorCode::not_found,
              fmt::format("{}: no kernel is built for {}{}; `sluice inspect --kernels` lists those that are", location_,
                          describe_variant(direction), values.empty() ? "" : "; the nearest has" + values));
}

const Kernel &LayerNode::cpu_kernel(const std::string &direction) const {
  const Kernel *kernel = table_->find(node_->op, direction, "cpu", values_);
  return kernel != nullptr ? *kernel : this->kernel(direction);
}

std::vector<const SchemaPort *> LayerNode::parameters() const {
  std::vector<const SchemaPort *> ports;
  for (const SchemaPort &port : schema_->parameters) {
    if (holds(port.when)) ports.push_back(&port);
  }
  return ports;
}

std::vector<const SchemaPort *> LayerNode::stored() const {
  std::vector<const SchemaPort *> ports = schema_->stored();
  ports.erase(std::remove_if(ports.begin(), ports.end(), [&](const SchemaPort *port) { return !holds(port->when); }),
              ports.end());
  return ports;
}

std::string LayerNode::weight_name(const SchemaPort &port) const {
  if (const auto other = node_->renamed.find(port.name); other != node_->renamed.end()) {
    std::string names;
    for (const std::string &part : weight_parts(other->second))
      names += (names.empty() ? "" : kJoin) + node_->weights + part;
    return names;
  }
  if (!port.norm_name.empty() && !node_->norm_weights.empty()) return node_->norm_weights + port.norm_name;
  const bool renamed = !port.renamed.empty() && holds(port.renamed_when);
  return node_->weights + (renamed ? port.renamed : port.name);
}

std::vector<std::string> weight_parts(const std::string &name) { return split_at(name, kJoin[0]); }

void LayerNode::infer_from(const TensorMap &weights) {
  for (const SchemaPort *port : parameters()) {
    const auto weight = weights.find(weight_name(*port));
    if (weight == weights.end()) continue;
    const auto extents = stored_extents(*port, weight->second.shape);
    if (!extents) continue;
    for (size_t d = 0; d < port->axes.size(); d++) {
      constexpr std::string_view kOfGroup = "/groups";
      std::string name = port->axes[d].extent;
      const bool of_group = name.ends_with(kOfGroup);
      if (of_group) name.resize(name.size() - kOfGroup.size());
      const auto factor = as_integer(name.substr(0, name.find('*')));  // of "2*channels"
      if (factor) name.erase(0, name.find('*') + 1);
      const bool plain =
          std::any_of(schema_->attributes.begin(), schema_->attributes.end(), [&](const SchemaAttribute &attribute) {
            return std::find(attribute.parts.begin(), attribute.parts.end(), name) != attribute.parts.end();
          });
      const int64_t times = of_group ? groups() : 1, parts = factor.value_or(1);
      if (plain && values_.count(name) == 0 && (*extents)[d] % parts == 0)
        values_[name] = std::to_string((*extents)[d] / parts * times);
      values_[port->name + "." + port->axes[d].name] = std::to_string((*extents)[d]);
    }
  }
  for (const SchemaAttribute &attribute : schema_->attributes) {
    if (attribute.kind == AttributeKind::derived) derive(attribute);
  }
}

// nullopt: an input it depends on, or an attribute, is not known.
std::optional<int64_t> LayerNode::axis_extent(const SchemaAxis &axis,
                                              const std::map<std::string, Extents> &inputs) const {
  bool known = true;
  const auto lookup = [&](const std::string &name) -> std::optional<std::string> {
    const auto value = values_.find(name);
    if (value != values_.end()) return value->second;
    for (const SchemaPort &input : schema_->inputs) {
      const auto extents = inputs.find(input.name);
      for (size_t d = 0; d < input.axes.size(); d++) {
        if (name != input.name + "." + input.axes[d].name) continue;
        if (extents != inputs.end()) return std::to_string(extents->second.at(d));
      }
    }
    known = false;
    return "0";
  };
  std::optional<int64_t> extent;
  try {
    extent = as_integer(evaluate(axis.extent, lookup));
  } catch (const Error &) {
    if (known) throw;
  }
  if (!known) return std::nullopt;
  if (extent && *extent > 0) return extent;
  throw Error(ErrorCode::bad_file, fmt::format("{}: {} is not a positive whole number", location_, axis.extent));
}

std::optional<Extents> LayerNode::parameter_extents(const SchemaPort &port,
                                                    const std::map<std::string, Extents> &inputs) const {
  Extents extents;
  for (const SchemaAxis &axis : port.axes) {
    const auto extent = axis_extent(axis, inputs);
    if (!extent) return std::nullopt;
    extents.push_back(*extent);
  }
  return extents;
}

std::optional<Extents> LayerNode::stored_extents(const SchemaPort &port, const std::vector<int64_t> &shape) const {
  const size_t axes = port.axes.size(), rank = shape.size();
  if (rank > axes) return std::nullopt;
  Extents extents;
  size_t used = 0;
  for (size_t d = 0; d < axes; d++) {
    const bool spare = axes - d > rank - used;  // more axes left than the file has
    if (spare && axis_extent(port.axes[d], {}) == 1) {
      extents.push_back(1);
    } else if (used < rank) {
      extents.push_back(shape[rank - 1 - used++]);
    } else {
      return std::nullopt;
    }
  }
  return used == rank ? std::optional(extents) : std::nullopt;
}

std::optional<int64_t> LayerNode::integer(const std::string &name) const {
  const auto value = values_.find(name);
  return value == values_.end() ? std::nullopt : as_integer(value->second);
}

void LayerNode::bind_scalars(KernelCall &call) const {
  for (const std::string &name : call.scalars()) {
    const auto value = values_.find(name);
    if (value == values_.end()) throw Error(ErrorCode::bad_file, fmt::format("{}: '{}' is not known", location_, name));
    call.bind_scalar(name, as_number(value->second).value_or(value->second == "true" ? 1 : 0));
  }
}

}  // namespace sluice
