// SPDX-License-Identifier: Apache-2.0
// Our weights under the names, and in the layout, of a dialect.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "weights_io/error.h"
#include "weights_io/names/names.h"
#include "weights_io/names/names_layout.h"
#include "weights_io/names/names_problems.h"
#include "weights_io/names/names_spectral.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr const char *kPublished = "torch";  // what the dialect of published PyTorch files is called

const NameDialect &dialect_named(const NamesFile &names, const std::string &name) {
  const std::string wanted = name.empty() ? kPublished : name;
  std::vector<std::string> known;
  for (const NameDialect &dialect : names.dialects) {
    if (dialect.name == wanted) return dialect;
    known.push_back(dialect.name);
  }
  if (name.empty()) return names.dialects.front();
  throw Error(ErrorCode::usage,
              fmt::format("{}: no dialect {} (there are {})", names.file, in_quotes(name), fmt::join(known, ", ")));
}

std::string export_refusal(const NameRule &rule, const std::vector<const StoredTensor *> &parts, std::size_t part) {
  const StoredTensor &tensor = *parts[part];
  if (tensor.dtype != DType::f32) return fmt::format("type {}, expected F32", name(tensor.dtype));
  if (rule.axes != 0 && tensor.shape.size() != rank_of_parts(rule)) {
    return fmt::format("shape {}, expected {} axes", shape_text(tensor.shape), rank_of_parts(rule));
  }
  if (tensor.shape != parts[0]->shape) {
    return fmt::format("shape {}, expected that of {}, {}", shape_text(tensor.shape), in_quotes(rule.targets[0]),
                       shape_text(parts[0]->shape));
  }
  return {};
}

// The tensors that a rule joins; none when one is absent.
std::vector<const StoredTensor *> parts_of(const NameRule &rule, const TensorMap &ours) {
  std::vector<const StoredTensor *> parts;
  for (const std::string &target : rule.targets) {
    const auto found = ours.find(target);
    if (found == ours.end()) return {};
    parts.push_back(&found->second);
  }
  return parts;
}

void judge_rules(const NameDialect &dialect, const TensorMap &ours, NameProblems &problems) {
  std::set<std::string> known;
  for (const NameRule &rule : dialect.rules) {
    for (const std::string &target : rule.targets) {
      known.insert(target);
      if (ours.count(target) == 0) problems.missing.push_back(in_quotes(target));
    }
    const std::vector<const StoredTensor *> parts = parts_of(rule, ours);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::string reason = export_refusal(rule, parts, i);
      if (!reason.empty()) problems.misshapen.push_back(fmt::format("{}: {}", in_quotes(rule.targets[i]), reason));
    }
  }
  for (const NameSolve &solve : dialect.solved) {
    known.insert(solve.v);
    if (ours.count(solve.v) == 0) problems.missing.push_back(in_quotes(solve.v));
  }
  for (const auto &[name, tensor] : ours) {
    if (known.count(name) == 0) problems.unexpected.push_back(in_quotes(name));
  }
}

// Whether reading a file without v would make it again, bit for bit.
bool is_made_again(const StoredTensor &weight, const StoredTensor &u, const StoredTensor &v) {
  try {
    return solved_v(weight, u, nullptr) == v;
  } catch (const Error &) {  // no norm
    return false;
  }
}

// A vector that the dialect does not hold may be left out only then.
void judge_solved(const NameDialect &dialect, const TensorMap &ours, NameProblems &problems) {
  for (const NameSolve &solve : dialect.solved) {
    const StoredTensor &weight = ours.at(solve.weight), &u = ours.at(solve.u);
    const std::string reason = solve_refusal(weight.shape, u.shape);
    if (!reason.empty()) {
      problems.misshapen.push_back(fmt::format("{}: {}", in_quotes(solve.v), reason));
    } else if (!is_made_again(weight, u, ours.at(solve.v))) {
      problems.unequal.push_back(fmt::format("{} is not what {} and {} make, and this dialect has no place for it",
                                             in_quotes(solve.v), in_quotes(solve.weight), in_quotes(solve.u)));
    }
  }
}

}  // namespace

Export export_names(const NamesFile &names, const std::string &dialect_name, TensorMap ours,
                    const std::string &source_name) {
  const NameDialect &dialect = dialect_named(names, dialect_name);
  NameProblems problems;
  judge_rules(dialect, ours, problems);
  if (problems.empty()) judge_solved(dialect, ours, problems);
  if (!problems.empty()) {
    throw Error(ErrorCode::bad_file, fmt::format("{}: is not model {} as {} names it (for dialect {}): {}", source_name,
                                                 names.model, names.file, dialect.name, problems.text()));
  }
  Export result{{}, dialect.name};
  for (const NameRule &rule : dialect.rules) {
    result.tensors[rule.source] = joined_parts(rule, parts_of(rule, ours));
    for (const std::string &target : rule.targets) ours.erase(target);
  }
  for (const NameDuplicate &copy : dialect.duplicates) {
    result.tensors[copy.source] = result.tensors.at(copy.original);
  }
  for (const NameConstant &constant : dialect.constants) {
    result.tensors[constant.source] = StoredTensor::of_f32(constant.shape, constant.values.data());
  }
  return result;
}

}  // namespace sluice
