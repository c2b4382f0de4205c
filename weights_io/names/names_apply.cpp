// SPDX-License-Identifier: Apache-2.0
// Applying a names file to a checkpoint: names and shapes are judged first, then the tensors are read one by one.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "weights_io/error.h"
#include "weights_io/names/names.h"
#include "weights_io/names/names_layout.h"
#include "weights_io/names/names_parameters.h"
#include "weights_io/names/names_problems.h"
#include "weights_io/names/names_reading.h"
#include "weights_io/names/names_spectral.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

class Application {
 public:
  Application(const NamesFile &names, Checkpoint &source)
      : names_(names), source_(source), reading_(best_reading(names, source)) {}

  Conversion run() {
    Conversion result;
    result.dialect = reading_.dialect->name;
    result.ignored = judge();
    refuse_problems();
    result.parameters = parameters_of(names_, shapes_, source_.source_name());
    read_rules(result.tensors);
    compare_copies(result.tensors);
    compare_constants();
    solve(result.tensors);
    refuse_problems();
    return result;
  }

 private:
  const CheckpointTensor *find(const std::string &name) const { return reading_.find(name, source_); }
  std::string quoted(const std::string &name) const { return in_quotes(reading_.prefix + name); }

  // Fills shapes_ and problems_ from names, types and shapes; gives the number of tensors that are left out.
  std::size_t judge() {
    std::size_t used = 0;
    for (const NameRule &rule : reading_.dialect->rules) used += judge_rule(rule);
    for (const NameDuplicate &duplicate : reading_.dialect->duplicates) judge_copy(duplicate);
    for (const NameSolve &solve : reading_.dialect->solved) judge_solve(solve);
    const std::vector<const std::string *> unexpected = reading_.unexpected(source_);
    for (const std::string *name : unexpected) problems_.unexpected.push_back(in_quotes(*name));
    return source_.tensors().size() - used - unexpected.size();
  }

  bool judge_rule(const NameRule &rule) {
    const CheckpointTensor *const found = find(rule.source);
    if (found == nullptr) {
      problems_.missing.push_back(missing(rule.source));
      return false;
    }
    const std::string reason = layout_refusal(rule, *found);
    if (!reason.empty()) {
      problems_.misshapen.push_back(fmt::format("{}: {}", quoted(rule.source), reason));
      return true;
    }
    for (const std::string &target : rule.targets) shapes_[target] = shape_of_part(rule, found->shape);
    return true;
  }

  // The file may hold something of that name which is no tensor of a type that is read.
  std::string missing(const std::string &name) const {
    const auto other = source_.others().find(reading_.prefix + name);
    return quoted(name) + (other == source_.others().end() ? "" : fmt::format(" (there, but {})", other->second));
  }

  void judge_copy(const NameDuplicate &duplicate) {
    const CheckpointTensor *const copy = find(duplicate.source), *const original = find(duplicate.original);
    if (source_.others().count(reading_.prefix + duplicate.source) != 0) {
      problems_.missing.push_back(missing(duplicate.source));
    }
    if (copy == nullptr || original == nullptr) return;
    if (copy->dtype != original->dtype || copy->shape != original->shape) refuse_copy(duplicate);
  }

  void refuse_copy(const NameDuplicate &duplicate) {
    problems_.unequal.push_back(fmt::format("{} is not {}", quoted(duplicate.source), quoted(duplicate.original)));
  }

  void judge_solve(const NameSolve &solve) {
    const auto weight = shapes_.find(solve.weight), u = shapes_.find(solve.u);
    if (weight == shapes_.end() || u == shapes_.end()) return;  // said already
    const std::string reason = solve_refusal(weight->second, u->second);
    if (!reason.empty()) {
      problems_.misshapen.push_back(fmt::format("{}: {}", in_quotes(solve.v), reason));
      return;
    }
    shapes_[solve.v] = shape_of_v(weight->second);
    const CheckpointTensor *const by = solve.by.empty() ? nullptr : find(solve.by);
    if (by == nullptr) return;
    const std::string &source = rule_of(solve.weight).source;
    if (is_floating(by->dtype) && by->shape == find(source)->shape) return;
    problems_.misshapen.push_back(fmt::format("{}: type {}, shape {}, expected those of {}", quoted(solve.by),
                                              name(by->dtype), shape_text(by->shape), quoted(source)));
  }

  const NameRule &rule_of(const std::string &target) const {
    const std::vector<NameRule> &rules = reading_.dialect->rules;
    return *std::find_if(rules.begin(), rules.end(), [&](const NameRule &rule) {
      return std::find(rule.targets.begin(), rule.targets.end(), target) != rule.targets.end();
    });
  }

  void read_rules(TensorMap &into) {
    for (const NameRule &rule : reading_.dialect->rules) {
      StoredTensor read = source_.read(reading_.prefix + rule.source);
      try {
        std::vector<StoredTensor> parts = cut_into_parts(rule, std::move(read));
        for (std::size_t i = 0; i < parts.size(); ++i) into[rule.targets[i]] = std::move(parts[i]);
      } catch (const Error &error) {  // a double beyond float32
        problems_.misshapen.push_back(fmt::format("{}: {}", quoted(rule.source), error.what()));
      }
    }
  }

  // A copy is equal when it makes the same tensors as the original, bit for bit.
  void compare_copies(const TensorMap &made) {
    std::map<std::string, const NameRule *> rules;
    for (const NameRule &rule : reading_.dialect->rules) rules[rule.source] = &rule;
    for (const NameDuplicate &duplicate : reading_.dialect->duplicates) {
      if (find(duplicate.source) == nullptr) continue;
      const NameRule &rule = *rules.at(duplicate.original);
      if (!is_copy(rule, source_.read(reading_.prefix + duplicate.source), made)) refuse_copy(duplicate);
    }
  }

  static bool is_copy(const NameRule &rule, StoredTensor read, const TensorMap &made) {
    try {
      const std::vector<StoredTensor> parts = cut_into_parts(rule, std::move(read));
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto original = made.find(rule.targets[i]);
        if (original != made.end() && !(original->second == parts[i])) return false;
      }
    } catch (const Error &) {  // a double beyond float32, of which the original has none
      return false;
    }
    return true;
  }

  void compare_constants() {
    for (const NameConstant &constant : reading_.dialect->constants) {
      const CheckpointTensor *const found = find(constant.source);
      if (found == nullptr) continue;
      const bool is_alike = is_floating(found->dtype) && found->shape == constant.shape;
      if (is_alike && has_values(source_.read(reading_.prefix + constant.source), constant)) continue;
      problems_.unequal.push_back(quoted(constant.source) + " is not the constant of this network");
    }
  }

  static bool has_values(const StoredTensor &read, const NameConstant &constant) {
    try {
      return to_f32(read) == StoredTensor::of_f32(constant.shape, constant.values.data());
    } catch (const Error &) {  // a double beyond float32
      return false;
    }
  }

  void solve(TensorMap &made) {
    for (const NameSolve &solve : reading_.dialect->solved) {
      const auto weight = made.find(solve.weight), u = made.find(solve.u);
      if (weight == made.end() || u == made.end()) continue;  // refused already
      const bool has_by = !solve.by.empty() && find(solve.by) != nullptr;
      try {
        const StoredTensor divided = has_by ? divided_weight(solve) : StoredTensor();
        made[solve.v] = solved_v(weight->second, u->second, has_by ? &divided : nullptr);
      } catch (const Error &error) {
        problems_.unequal.push_back(
            fmt::format("{} {}", has_by ? quoted(solve.by) : in_quotes(solve.weight), error.what()));
      }
    }
  }

  // Laid out as the weight that it is a multiple of.
  StoredTensor divided_weight(const NameSolve &solve) {
    const NameRule &rule = rule_of(solve.weight);
    std::vector<StoredTensor> parts = cut_into_parts(rule, source_.read(reading_.prefix + solve.by));
    const auto part = std::find(rule.targets.begin(), rule.targets.end(), solve.weight) - rule.targets.begin();
    return std::move(parts[static_cast<std::size_t>(part)]);
  }

  void refuse_problems() const {
    if (problems_.empty()) return;
    throw Error(ErrorCode::bad_file,
                fmt::format("{}: does not fit model {} (names of dialect {}): {}", source_.source_name(), names_.model,
                            reading_.text(), problems_.text()));
  }

  const NamesFile &names_;
  Checkpoint &source_;
  NameReading reading_;
  NameProblems problems_;
  ShapeMap shapes_;
};

}  // namespace

Conversion apply_names(const NamesFile &names, Checkpoint &source) { return Application(names, source).run(); }

Conversion apply_names(const NamesFile &names, Archive source, const std::string &source_name) {
  return apply_names(names, *checkpoint_of(std::move(source), source_name));
}

}  // namespace sluice
