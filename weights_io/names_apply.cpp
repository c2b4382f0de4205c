// SPDX-License-Identifier: Apache-2.0
// Applying a names file to a checkpoint: names and shapes are judged first, then the tensors are read one by one.
#include <fmt/format.h>

#include <utility>

#include "weights_io/error.h"
#include "weights_io/names.h"
#include "weights_io/names_layout.h"
#include "weights_io/names_parameters.h"
#include "weights_io/names_problems.h"
#include "weights_io/names_reading.h"
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
    const std::vector<std::string> unexpected = reading_.unexpected(source_);
    for (const std::string &name : unexpected) problems_.unexpected.push_back(in_quotes(name));
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
