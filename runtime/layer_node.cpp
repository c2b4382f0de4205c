// SPDX-License-Identifier: Apache-2.0
// How attributes of a graph line become variants, kernel arguments and shapes.
#include "runtime/layer_node.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "runtime/expression.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr const char *kJoin = "+";  // between the tensors that make up one parameter
constexpr double kLargestReal = 1 << 20;
constexpr double kLeastFloor = 1e-10;  // of a norm that something is divided by: its square is still a float32

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

std::vector<std::string> split(const std::string &text, char separator) {
  std::vector<std::string> items;
  std::istringstream stream(text);
  for (std::string item; std::getline(stream, item, separator);) items.push_back(item);
  return items;
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
  kernel("forward");
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

void LayerNode::read_attribute(const SchemaAttribute &attribute, const AttributeValue *said) {
  AttributeValue value;
  if (said != nullptr) {
    value = *said;
  } else if (!attribute.fallback.empty()) {
    value.items = {attribute.fallback};
  } else if (attribute.kind == AttributeKind::shape || attribute.kind == AttributeKind::note) {
    return;  // the weights tell, or nobody needs to know
  } else {
    throw Error(ErrorCode::bad_file, fmt::format("{}: attribute '{}' is missing", location_, attribute.name));
  }
  if (attribute.kind == AttributeKind::variant || attribute.kind == AttributeKind::note) {
    return read_variant(attribute, canonical(value.collapse().text()));
  }
  read_numbers(attribute, value);
}

// A word that is built alone selects its kernel; one that shares a kernel is told to it by number, <name>_kind.
void LayerNode::read_variant(const SchemaAttribute &attribute, const std::string &word) {
  words_[attribute.name] = values_[attribute.name] = word;
  if (attribute.built.empty()) return;
  std::string known;
  for (const std::string &built : attribute.built) {
    const std::vector<std::string> words = split(built, '+');
    for (size_t i = 0; i < words.size(); i++) {
      known += " " + words[i];
      if (words[i] != word) continue;
      values_[attribute.name] = built;
      values_[attribute.name + "_kind"] = words.size() == 1 ? "0" : std::to_string(i);
      return;
    }
  }
  throw Error(ErrorCode::not_found,
              fmt::format("{}: {}={} is not built; built:{}", location_, attribute.name, word, known));
}

void LayerNode::read_numbers(const SchemaAttribute &attribute, const AttributeValue &value) {
  for (const auto &[word, argument] : attribute.words) values_[argument] = value.text() == word ? "1" : "0";
  const bool is_word = std::any_of(attribute.words.begin(), attribute.words.end(),
                                   [&](const auto &w) { return w.first == value.text(); });
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
    check_limits(attribute, text);
    values_[attribute.parts[i]] = text;
  }
}

// What no layer could mean, and what would leave the range of the kernels' whole numbers or the precision of float32: a
// stride of 0, a dilation of 2^31, a negative epsilon, a floor of 0, a softmax's scale of 1e30. A number whose default
// is 1, or that has none, is at least 1, others at least 0.
void LayerNode::check_limits(const SchemaAttribute &attribute, const std::string &text) const {
  const bool may_be_zero = attribute.name == "padding" || (!attribute.fallback.empty() && attribute.fallback != "1");
  const int64_t least = may_be_zero ? 0 : 1,
                most = attribute.fallback == "0" && attribute.parts.size() == 1 ? INT32_MAX : 1 << 20;
  const bool is_real = attribute.kind == AttributeKind::real;
  const auto number = as_integer(text);
  const bool bad_count = !is_real && number && (*number < least || *number > most);
  const double real = is_real ? as_number(text).value_or(0) : 0;
  const double least_real = attribute.name.ends_with("eps")     ? 0
                            : attribute.name.ends_with("floor") ? kLeastFloor
                                                                : -kLargestReal;
  const bool bad_real = is_real && (real < least_real || real > kLargestReal);
  if (!bad_count && !bad_real) return;
  throw Error(ErrorCode::bad_file, fmt::format("{}: attribute '{}' is {}, got {}", location_, attribute.name,
                                               bad_real ? fmt::format("{} to {}", least_real, kLargestReal)
                                                        : fmt::format("{} to {}", least, most),
                                               text));
}

// "plain: stride=1 padding_mode=zeros; other:": the first alternative whose conditions hold.
void LayerNode::derive(const SchemaAttribute &attribute) {
  for (const std::string &alternative : split(attribute.fallback, ';')) {
    std::istringstream words(alternative);
    std::string name, condition;
    words >> name;
    bool fits = true;
    while (words >> condition) fits = fits && holds(condition);
    if (!fits) continue;
    values_[attribute.name] = words_[attribute.name] = name.substr(0, name.size() - 1);
    return;
  }
}

bool LayerNode::holds(const std::string &conditions) const {
  const std::vector<std::string> all = split(conditions, ' ');
  return std::all_of(all.begin(), all.end(), [&](const std::string &one) { return one.empty() || holds_one(one); });
}

StateUpdate LayerNode::updates_state() const {
  constexpr std::string_view kAfter = "after ";
  for (const std::string &alternative : split(schema_->update_when, ';')) {
    const std::string text = alternative.substr(std::min(alternative.find_first_not_of(' '), alternative.size()));
    const bool after = text.starts_with(kAfter);
    if (holds(after ? text.substr(kAfter.size()) : text)) return after ? StateUpdate::after : StateUpdate::before;
  }
  return StateUpdate::none;
}

bool LayerNode::holds_one(const std::string &condition) const {
  for (const bool at_least : {true, false}) {
    const size_t sign = condition.find(at_least ? ">=" : "<=");
    if (sign == std::string::npos) continue;
    const auto number = values_.find(condition.substr(0, sign));
    if (number == values_.end()) return false;
    const int64_t value = as_integer(number->second).value_or(0);
    const int64_t limit = as_integer(condition.substr(sign + 2)).value_or(0);
    return at_least ? value >= limit : value <= limit;
  }
  const size_t equals = condition.find('=');
  const bool negated = condition[equals - 1] == '!';
  const std::string name = condition.substr(0, negated ? equals - 1 : equals);
  const std::vector<std::string> wanted = split(condition.substr(equals + 1), '|');
  std::vector<std::string> names{name};
  for (const SchemaAttribute &attribute : schema_->attributes) {
    if (attribute.name == name && !attribute.parts.empty()) names = attribute.parts;
  }
  const bool all = std::all_of(names.begin(), names.end(), [&](const std::string &part) {
    const auto word = words_.find(part), number = values_.find(part);
    const std::string text = word != words_.end()      ? word->second
                             : number != values_.end() ? canonical(number->second)
                                                       : std::string();
    return std::find(wanted.begin(), wanted.end(), text) != wanted.end();
  });
  return all != negated;
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
    if (attribute.kind == AttributeKind::variant)
      text += fmt::format(" {}={}", attribute.name, values_.at(attribute.name));
  }
  return fmt::format("{} {} on {} with{}", node_->op, direction, device_, text.empty() ? " no variants" : text);
}

const Kernel *LayerNode::find_kernel(const std::string &direction,
                                     const std::map<std::string, std::string> &more) const {
  std::map<std::string, std::string> values = values_;
  values.insert(more.begin(), more.end());
  return table_->find(node_->op, direction, device_, values);
}

const Kernel &LayerNode::kernel(const std::string &direction, const std::map<std::string, std::string> &more) const {
  const Kernel *kernel = find_kernel(direction, more);
  if (kernel != nullptr) return *kernel;
  throw Error(ErrorCode::not_found,
              fmt::format("{}: no kernel is built for {}; `sluice inspect --kernels` lists those that are", location_,
                          describe_variant(direction)));
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

std::vector<std::string> weight_parts(const std::string &name) { return split(name, kJoin[0]); }

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

void LayerNode::bind_scalars(KernelCall &call) const {
  for (const std::string &name : call.scalars()) {
    const auto value = values_.find(name);
    if (value == values_.end()) throw Error(ErrorCode::bad_file, fmt::format("{}: '{}' is not known", location_, name));
    call.bind_scalar(name, as_number(value->second).value_or(value->second == "true" ? 1 : 0));
  }
}

}  // namespace sluice
