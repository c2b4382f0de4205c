// SPDX-License-Identifier: Apache-2.0
// Applying a names file to a checkpoint: choice of the dialect, reordering, splitting, and the complete list of what
// does not fit.
#include "weights_io/names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "weights_io/error.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {  // the last star takes one character more
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

// The tensor with its axes reordered: axis k of the result is axis order[k] of the tensor.
StoredTensor permuted(const StoredTensor &tensor, const std::vector<std::size_t> &order) {
  const std::size_t rank = order.size();
  std::vector<int64_t> shape(rank), step(rank);
  for (std::size_t k = 0; k < rank; ++k) {
    shape[k] = tensor.shape[order[k]];
    step[k] = 1;
    for (std::size_t inner = order[k] + 1; inner < rank; ++inner) step[k] *= tensor.shape[inner];
  }
  StoredTensor result = StoredTensor::of_f32(shape);
  const float *from = tensor.f32();
  float *to = result.f32();
  std::vector<int64_t> index(rank, 0);
  int64_t at = 0;
  for (int64_t n = result.elements(); n > 0; --n) {
    *to++ = from[at];
    for (std::size_t k = rank; k-- > 0;) {
      at += step[k];
      if (++index[k] < shape[k]) break;
      at -= step[k] * shape[k];
      index[k] = 0;
    }
  }
  return result;
}

// Part `number` of `parts` equal parts along an axis.
StoredTensor part_of(const StoredTensor &tensor, std::size_t axis, std::size_t number, std::size_t parts) {
  std::vector<int64_t> shape = tensor.shape;
  shape[axis] /= static_cast<int64_t>(parts);
  StoredTensor result = StoredTensor::of_f32(shape);
  std::size_t outer = 1, run = sizeof(float);
  for (std::size_t k = 0; k < axis; ++k) outer *= static_cast<std::size_t>(shape[k]);
  for (std::size_t k = axis; k < shape.size(); ++k) run *= static_cast<std::size_t>(shape[k]);
  if (run == 0) return result;
  for (std::size_t i = 0; i < outer; ++i) {
    std::memcpy(result.bytes.data() + i * run, tensor.bytes.data() + (i * parts + number) * run, run);
  }
  return result;
}

// Why a tensor cannot be what the rule takes it for; empty when it can.
std::string refusal(const NameRule &rule, const StoredTensor &tensor) {
  if (!is_floating(tensor.dtype)) return fmt::format("type {}, expected real numbers", name(tensor.dtype));
  if (rule.permutation.empty()) return {};
  if (tensor.shape.size() != rule.permutation.size()) {
    return fmt::format("shape {}, expected {} axes", shape_text(tensor.shape), rule.permutation.size());
  }
  const std::size_t axis = rule.permutation[rule.split_axis];
  if (tensor.shape[axis] % static_cast<int64_t>(rule.targets.size()) != 0) {
    return fmt::format("shape {}, expected an axis {} that can be cut into {} equal parts", shape_text(tensor.shape),
                       axis, rule.targets.size());
  }
  return {};
}

void convert_tensor(const NameRule &rule, const StoredTensor &source, TensorMap &into) {
  StoredTensor tensor = to_f32(source);
  if (!std::is_sorted(rule.permutation.begin(), rule.permutation.end())) tensor = permuted(tensor, rule.permutation);
  const std::size_t parts = rule.targets.size();
  if (parts == 1) {
    into[rule.targets[0]] = std::move(tensor);
    return;
  }
  for (std::size_t i = 0; i < parts; ++i) into[rule.targets[i]] = part_of(tensor, rule.split_axis, i, parts);
}

// How many names of the dialect the source has.
std::size_t count_present(const NameDialect &dialect, const Archive &source) {
  return static_cast<std::size_t>(std::count_if(dialect.rules.begin(), dialect.rules.end(), [&](const NameRule &rule) {
    return source.tensors.count(rule.source) != 0;
  }));
}

const NameDialect &best_dialect(const NamesFile &names, const Archive &source, const std::string &source_name) {
  const NameDialect *best = nullptr;
  std::size_t most = 0;
  for (const NameDialect &dialect : names.dialects) {
    const std::size_t present = count_present(dialect, source);
    if (present > most || (present == most && best != nullptr && dialect.rules.size() < best->rules.size())) {
      best = &dialect;
      most = present;
    }
  }
  if (best != nullptr) return *best;
  std::vector<std::string> dialects;
  for (const NameDialect &dialect : names.dialects) dialects.push_back(dialect.name);
  throw Error(
      ErrorCode::bad_file,
      fmt::format("{}: none of its {} tensors{} has a name that {} knows for model {} (dialects {})", source_name,
                  source.tensors.size(),
                  source.tensors.empty() ? "" : fmt::format(" (first: {})", in_quotes(source.tensors.begin()->first)),
                  names.file, names.model, fmt::join(dialects, ", ")));
}

struct Problems {
  std::vector<std::string> missing, unexpected, misshapen;

  bool empty() const { return missing.empty() && unexpected.empty() && misshapen.empty(); }
  std::string text() const {
    std::vector<std::string> kinds;
    append("missing", missing, kinds);
    append("unexpected", unexpected, kinds);
    append("misshapen", misshapen, kinds);
    return fmt::format("{}", fmt::join(kinds, "; "));
  }

 private:
  static void append(const char *kind, const std::vector<std::string> &names, std::vector<std::string> &into) {
    constexpr std::size_t kMost = 200;
    if (names.empty()) return;
    const std::size_t shown = std::min(names.size(), kMost);
    std::string text =
        fmt::format("{} {}: {}", names.size(), kind, fmt::join(names.data(), names.data() + shown, ", "));
    if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
    into.push_back(std::move(text));
  }
};

void apply_rules(const NameDialect &dialect, const Archive &source, Conversion &result, Problems &problems) {
  for (const NameRule &rule : dialect.rules) {
    const auto found = source.tensors.find(rule.source);
    if (found == source.tensors.end()) {
      problems.missing.push_back(in_quotes(rule.source));
      continue;
    }
    std::string reason = refusal(rule, found->second);
    try {
      if (reason.empty()) convert_tensor(rule, found->second, result.tensors);
    } catch (const Error &error) {  // a double beyond float32
      reason = error.what();
    }
    if (!reason.empty()) problems.misshapen.push_back(fmt::format("{}: {}", in_quotes(rule.source), reason));
  }
}

void sort_out_rest(const NameDialect &dialect, const Archive &source, Conversion &result, Problems &problems) {
  std::set<std::string_view> known;
  for (const NameRule &rule : dialect.rules) known.insert(rule.source);
  for (const auto &[name, tensor] : source.tensors) {
    if (known.count(name) != 0) continue;
    const bool ignored = std::any_of(dialect.ignored.begin(), dialect.ignored.end(),
                                     [&, &text = name](const std::string &pattern) { return matches(pattern, text); });
    if (ignored) {
      ++result.ignored;
    } else {
      problems.unexpected.push_back(in_quotes(name));
    }
  }
}

std::string parameter_value(const NameParameter &parameter, const TensorMap &tensors, const std::string &source_name) {
  const std::vector<int64_t> &shape = tensors.at(parameter.tensor).shape;
  int64_t value = 0;
  if (parameter.axis >= shape.size() || __builtin_mul_overflow(shape[parameter.axis], parameter.times, &value) ||
      value % parameter.divided_by != 0) {
    throw Error(ErrorCode::bad_file,
                fmt::format("{}: parameter {} cannot be had from axis {} of {}, whose shape is {}", source_name,
                            in_quotes(parameter.name), parameter.axis, in_quotes(parameter.tensor), shape_text(shape)));
  }
  return std::to_string(value / parameter.divided_by);
}

}  // namespace

Conversion apply_names(const NamesFile &names, const Archive &source, const std::string &source_name) {
  const NameDialect &dialect = best_dialect(names, source, source_name);
  Conversion result;
  result.dialect = dialect.name;
  Problems problems;
  apply_rules(dialect, source, result, problems);
  sort_out_rest(dialect, source, result, problems);
  if (!problems.empty()) {
    throw Error(ErrorCode::bad_file, fmt::format("{}: does not fit model {} (names of dialect {}): {}", source_name,
                                                 names.model, dialect.name, problems.text()));
  }
  for (const NameParameter &parameter : names.parameters) {
    result.parameters[parameter.name] = parameter_value(parameter, result.tensors, source_name);
  }
  return result;
}

}  // namespace sluice
