// SPDX-License-Identifier: Apache-2.0
// How attributes of a graph line become variants and kernel arguments, and the conditions that a layer states over
// them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "runtime/expression.h"
#include "runtime/graph_text.h"
#include "runtime/layer_node.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr double kLargestReal = 1 << 20;
constexpr double kLeastFloor = 1e-10;  // of a norm that something is divided by: its square is still a float32

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
  std::vector<std::string> known;
  for (const std::string &built : attribute.built) {
    const std::vector<std::string> words = split(built, '+');
    for (size_t i = 0; i < words.size(); i++) {
      known.push_back(words[i]);
      if (words[i] != word) continue;
      values_[attribute.name] = built;
      values_[attribute.name + "_kind"] = words.size() == 1 ? "0" : std::to_string(i);
      return;
    }
  }
  throw Error(ErrorCode::not_found, fmt::format("{}: {}={} is not built; built: {}{}", location_, attribute.name, word,
                                                fmt::join(known, " "), suggestion(word, known)));
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

}  // namespace sluice
