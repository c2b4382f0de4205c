// SPDX-License-Identifier: Apache-2.0
// Parameters of a graph from shapes: the arithmetic of `param` lines.
#include "weights_io/names/names_parameters.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <optional>

#include "weights_io/error.h"
#include "weights_io/tensor.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

// The terms of a parameter joined; nothing where that leaves the whole numbers above 0.
std::optional<int64_t> joined(const NameParameter &parameter, const std::vector<int64_t> &terms) {
  int64_t value = 0;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const int64_t term = terms[i];
    bool overflow = false;
    switch (parameter.terms[i].operation) {
      case '+':
        overflow = __builtin_add_overflow(value, term, &value);
        break;
      case '-':
        overflow = __builtin_sub_overflow(value, term, &value);
        break;
      case '*':
        overflow = __builtin_mul_overflow(value, term, &value);
        break;
      default:
        if (term == 0 || value % term != 0) return std::nullopt;
        value /= term;
    }
    if (overflow || value < 0) return std::nullopt;
  }
  if (parameter.is_root) {
    const auto root = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(value))));
    if (root > (int64_t{1} << 31) || root * root != value) return std::nullopt;
    value = root;
  }
  return value > 0 ? std::optional(value) : std::nullopt;
}

std::string value_of(const NameParameter &parameter, const ShapeMap &shapes, const std::string &source_name) {
  std::vector<int64_t> terms;
  for (const NameTerm &term : parameter.terms) {
    if (term.tensor.empty()) {
      terms.push_back(term.number);
      continue;
    }
    const std::vector<int64_t> &shape = shapes.at(term.tensor);
    if (term.axis >= shape.size()) {
      throw Error(ErrorCode::bad_file,
                  fmt::format("{}: parameter {} cannot be had from axis {} of {}, whose shape is {}", source_name,
                              in_quotes(parameter.name), term.axis, in_quotes(term.tensor), shape_text(shape)));
    }
    terms.push_back(shape[term.axis]);
  }
  const std::optional<int64_t> value = joined(parameter, terms);
  if (value) return std::to_string(*value);
  throw Error(ErrorCode::bad_file, fmt::format("{}: parameter {} is no whole number above 0: {} of {}", source_name,
                                               in_quotes(parameter.name), parameter.text, fmt::join(terms, ", ")));
}

}  // namespace

std::map<std::string, std::string> parameters_of(const NamesFile &names, const ShapeMap &shapes,
                                                 const std::string &source_name) {
  std::map<std::string, std::string> values;
  for (const NameParameter &parameter : names.parameters) {
    values[parameter.name] = value_of(parameter, shapes, source_name);
  }
  return values;
}

}  // namespace sluice
