// SPDX-License-Identifier: Apache-2.0
// Applying a names file to a checkpoint: choice of the dialect, reordering, splitting, and the complete list of what
// does not fit.
#include "weights_io/names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
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
  const std::size_t rank = order.size(), source_rank = tensor.shape.size();
  std::vector<int64_t> shape(rank), step(rank);
  for (std::size_t k = 0; k < rank; ++k) {
    shape[k] = tensor.shape[order[k]];
    step[k] = 1;
    for (std::size_t inner = order[k] + 1; inner < source_rank; ++inner) step[k] *= tensor.shape[inner];
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
  if (rule.axes == 0) return {};
  if (tensor.shape.size() != rule.axes) {
    return fmt::format("shape {}, expected {} axes", shape_text(tensor.shape), rule.axes);
  }
  for (std::size_t axis = 0; axis < rule.axes; ++axis) {
    const bool is_kept = std::find(rule.permutation.begin(), rule.permutation.end(), axis) != rule.permutation.end();
    if (is_kept || tensor.shape[axis] == 1) continue;
    return fmt::format("shape {}, expected 1 along axis {}", shape_text(tensor.shape), axis);
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
  const bool is_same = std::is_sorted(rule.permutation.begin(), rule.permutation.end());
  if (!is_same || rule.permutation.size() != rule.axes) tensor = permuted(tensor, rule.permutation);
  const std::size_t parts = rule.targets.size();
  if (parts == 1) {
    into[rule.targets[0]] = std::move(tensor);
    return;
  }
  for (std::size_t i = 0; i < parts; ++i) into[rule.targets[i]] = part_of(tensor, rule.split_axis, i, parts);
}

// Names of a dialect as a source may have them.
struct Reading {
  const NameDialect *dialect = nullptr;
  std::string prefix;

  std::string name() const {
    return prefix.empty() ? dialect->name : fmt::format("{} behind {}", dialect->name, in_quotes(prefix));
  }
  const StoredTensor *find(const std::string &name, const Archive &source) const {
    const auto found = source.tensors.find(prefix + name);
    return found == source.tensors.end() ? nullptr : &found->second;
  }
  std::size_t count_present(const Archive &source) const {
    return static_cast<std::size_t>(
        std::count_if(dialect->rules.begin(), dialect->rules.end(),
                      [&](const NameRule &rule) { return find(rule.source, source) != nullptr; }));
  }
  // Tensors that are neither named nor to be left out.
  std::vector<std::string> unexpected(const Archive &source) const {
    std::set<std::string> known;
    for (const NameRule &rule : dialect->rules) known.insert(prefix + rule.source);
    for (const NameDuplicate &duplicate : dialect->duplicates) known.insert(prefix + duplicate.source);
    std::vector<std::string> result;
    for (const auto &[name, tensor] : source.tensors) {
      if (known.count(name) == 0 && !is_ignored(name)) result.push_back(name);
    }
    return result;
  }

 private:
  bool is_ignored(std::string_view name) const {
    std::string_view rest = name;
    if (rest.starts_with(prefix)) rest.remove_prefix(prefix.size());
    return std::any_of(dialect->ignored.begin(), dialect->ignored.end(),
                       [&](const std::string &pattern) { return matches(pattern, name) || matches(pattern, rest); });
  }
};

Reading best_reading(const NamesFile &names, const Archive &source, const std::string &source_name) {
  Reading best;
  std::size_t most = 0, fewest = 0;  // names that are there; names missing or left over
  for (const NameDialect &dialect : names.dialects) {
    std::vector<std::string> prefixes = {""};
    prefixes.insert(prefixes.end(), dialect.prefixes.begin(), dialect.prefixes.end());
    for (const std::string &prefix : prefixes) {
      const Reading reading{&dialect, prefix};
      const std::size_t present = reading.count_present(source);
      if (present == 0 || present < most) continue;
      const std::size_t wrong = dialect.rules.size() - present + reading.unexpected(source).size();
      if (present == most && wrong >= fewest) continue;
      best = reading;
      most = present;
      fewest = wrong;
    }
  }
  if (best.dialect != nullptr) return best;
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
  std::vector<std::string> missing, unexpected, misshapen, unequal;

  bool empty() const { return missing.empty() && unexpected.empty() && misshapen.empty() && unequal.empty(); }
  std::string text() const {
    std::vector<std::string> kinds;
    append("missing", missing, kinds);
    append("unexpected", unexpected, kinds);
    append("misshapen", misshapen, kinds);
    append("unequal", unequal, kinds);
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

void apply_rules(const Reading &reading, const Archive &source, Conversion &result, Problems &problems) {
  for (const NameRule &rule : reading.dialect->rules) {
    const StoredTensor *const found = reading.find(rule.source, source);
    const std::string name = in_quotes(reading.prefix + rule.source);
    if (found == nullptr) {
      problems.missing.push_back(name);
      continue;
    }
    std::string reason = refusal(rule, *found);
    try {
      if (reason.empty()) convert_tensor(rule, *found, result.tensors);
    } catch (const Error &error) {  // a double beyond float32
      reason = error.what();
    }
    if (!reason.empty()) problems.misshapen.push_back(fmt::format("{}: {}", name, reason));
  }
}

void sort_out_rest(const Reading &reading, const Archive &source, Conversion &result, Problems &problems) {
  std::size_t used = 0;
  for (const NameRule &rule : reading.dialect->rules) used += reading.find(rule.source, source) != nullptr;
  for (const NameDuplicate &duplicate : reading.dialect->duplicates) {
    const StoredTensor *const copy = reading.find(duplicate.source, source);
    const StoredTensor *const original = reading.find(duplicate.original, source);
    if (copy == nullptr || original == nullptr || *copy == *original) continue;
    problems.unequal.push_back(fmt::format("{} is not {}", in_quotes(reading.prefix + duplicate.source),
                                           in_quotes(reading.prefix + duplicate.original)));
  }
  const std::vector<std::string> unexpected = reading.unexpected(source);
  for (const std::string &name : unexpected) problems.unexpected.push_back(in_quotes(name));
  result.ignored = source.tensors.size() - used - unexpected.size();
}

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

std::string parameter_value(const NameParameter &parameter, const TensorMap &tensors, const std::string &source_name) {
  std::vector<int64_t> terms;
  for (const NameTerm &term : parameter.terms) {
    if (term.tensor.empty()) {
      terms.push_back(term.number);
      continue;
    }
    const std::vector<int64_t> &shape = tensors.at(term.tensor).shape;
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

Conversion apply_names(const NamesFile &names, const Archive &source, const std::string &source_name) {
  const Reading reading = best_reading(names, source, source_name);
  Conversion result;
  result.dialect = reading.dialect->name;
  Problems problems;
  apply_rules(reading, source, result, problems);
  sort_out_rest(reading, source, result, problems);
  if (!problems.empty()) {
    throw Error(ErrorCode::bad_file, fmt::format("{}: does not fit model {} (names of dialect {}): {}", source_name,
                                                 names.model, reading.name(), problems.text()));
  }
  for (const NameParameter &parameter : names.parameters) {
    result.parameters[parameter.name] = parameter_value(parameter, result.tensors, source_name);
  }
  return result;
}

}  // namespace sluice
