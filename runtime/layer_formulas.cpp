// SPDX-License-Identifier: Apache-2.0
// What a layer's line in generators/CMakeLists.txt says in formulas over its attributes and axes: multiply-adds, and
// the conditions that its inputs must meet.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/expression.h"
#include "runtime/layer_node.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

// "a<b" and the like: where the comparison stands and how long it is.
std::pair<size_t, size_t> comparison(const std::string &text) {
  const size_t at = text.find_first_of("<>=");
  return {at, at + 1 < text.size() && text[at + 1] == '=' ? 2 : 1};
}

bool compares(double a, const std::string &sign, double b) {
  if (sign == "=") return a == b;
  if (sign == "<") return a < b;
  if (sign == "<=") return a <= b;
  return sign == ">" ? a > b : a >= b;
}

}  // namespace

std::map<std::string, std::string> LayerNode::formula_names(const std::map<std::string, Extents> &inputs,
                                                            const std::map<std::string, Extents> &outputs) const {
  std::map<std::string, std::string> names = values_;
  const auto add = [&](const std::vector<SchemaPort> &ports, const std::map<std::string, Extents> &given) {
    for (const SchemaPort &port : ports) {
      const auto extents = given.find(port.name);
      for (size_t d = 0; d < port.axes.size(); d++) {
        const int64_t whole = extents == given.end() ? 0 : extents->second.at(d);
        const bool cut = d == 0 && groups() > 1 && !port.whole;
        names[port.name + "." + port.axes[d].name] = std::to_string(cut ? whole / groups() : whole);
      }
    }
  };
  add(schema_->inputs, inputs);
  add(schema_->outputs, outputs);
  return names;
}

int64_t LayerNode::macs(const std::map<std::string, Extents> &inputs,
                        const std::map<std::string, Extents> &outputs) const {
  if (schema_->macs.empty()) return 0;
  const auto names = formula_names(inputs, outputs);
  const auto lookup = [&](const std::string &name) -> std::optional<std::string> {
    const auto found = names.find(name);
    return found == names.end() ? std::nullopt : std::optional(found->second);
  };
  try {
    const std::string count = evaluate(schema_->macs, lookup);
    return groups() * static_cast<int64_t>(std::llround(as_number(count).value_or(0)));
  } catch (const Error &error) {
    throw Error(error.code(), fmt::format("{}: multiply-adds: {}", where_, error.what()));
  }
}

void LayerNode::check_requirements(const std::map<std::string, Extents> &inputs,
                                   const std::map<std::string, Extents> &outputs) const {
  const auto names = formula_names(inputs, outputs);
  const auto lookup = [&](const std::string &name) -> std::optional<std::string> {
    const auto found = names.find(name);
    return found == names.end() ? std::nullopt : std::optional(found->second);
  };
  const auto names_an_output = [&](const std::string &requirement) {
    return std::any_of(schema_->outputs.begin(), schema_->outputs.end(),
                       [&](const SchemaPort &port) { return requirement.find(port.name + ".") != std::string::npos; });
  };
  for (const std::string &requirement : schema_->requirements) {
    if (names_an_output(requirement) == outputs.empty()) continue;
    const size_t colon = requirement.find(':');
    if (colon != std::string::npos && !holds(requirement.substr(0, colon))) continue;
    const std::string text = colon == std::string::npos ? requirement : requirement.substr(colon + 1);
    const auto [at, length] = comparison(text);
    const std::string left = evaluate(text.substr(0, at), lookup), right = evaluate(text.substr(at + length), lookup);
    if (compares(as_number(left).value(), text.substr(at, length), as_number(right).value())) continue;
    throw Error(ErrorCode::input_failed,
                fmt::format("{}: {} needs {}, got {} and {}", where_, node_->op, requirement, left, right));
  }
}

}  // namespace sluice
