// SPDX-License-Identifier: Apache-2.0
// Choice of the dialect that a checkpoint is read as.
#include "weights_io/names/names_reading.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "weights_io/error.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

bool is_ignored(const NameReading &reading, std::string_view name) {
  std::string_view rest = name;
  if (rest.starts_with(reading.prefix)) rest.remove_prefix(reading.prefix.size());
  const std::vector<std::string> &patterns = reading.dialect->ignored;
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string &pattern) {
    return name_matches(pattern, name) || name_matches(pattern, rest);
  });
}

}  // namespace

bool name_matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == name[t]) {
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

std::string NameReading::text() const {
  return prefix.empty() ? dialect->name : fmt::format("{} behind {}", dialect->name, in_quotes(prefix));
}

const CheckpointTensor *NameReading::find(const std::string &name, const Checkpoint &source) const {
  const auto found = source.tensors().find(prefix + name);
  return found == source.tensors().end() ? nullptr : &found->second;
}

std::size_t NameReading::count_present(const Checkpoint &source) const {
  return static_cast<std::size_t>(
      std::count_if(dialect->rules.begin(), dialect->rules.end(),
                    [&](const NameRule &rule) { return find(rule.source, source) != nullptr; }));
}

std::vector<const std::string *> NameReading::unexpected(const Checkpoint &source) const {
  std::set<std::string> known;
  for (const NameRule &rule : dialect->rules) known.insert(prefix + rule.source);
  for (const NameDuplicate &duplicate : dialect->duplicates) known.insert(prefix + duplicate.source);
  for (const NameConstant &constant : dialect->constants) known.insert(prefix + constant.source);
  for (const NameSolve &solve : dialect->solved) {
    if (!solve.by.empty()) known.insert(prefix + solve.by);
  }
  std::vector<const std::string *> result;
  for (const auto &[name, tensor] : source.tensors()) {
    if (known.count(name) == 0 && !is_ignored(*this, name)) result.push_back(&name);
  }
  return result;
}

NameReading best_reading(const NamesFile &names, const Checkpoint &source) {
  NameReading best;
  std::size_t most = 0, fewest = 0;  // names that are there; names missing or left over
  for (const NameDialect &dialect : names.dialects) {
    std::vector<std::string> prefixes = {""};
    prefixes.insert(prefixes.end(), dialect.prefixes.begin(), dialect.prefixes.end());
    for (const std::string &prefix : prefixes) {
      const NameReading reading{&dialect, prefix};
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
  const auto &tensors = source.tensors();
  throw Error(ErrorCode::bad_file,
              fmt::format("{}: none of its {} tensors{} has a name that {} knows for model {} (dialects {})",
                          source.source_name(), tensors.size(),
                          tensors.empty() ? "" : fmt::format(" (first: {})", in_quotes(tensors.begin()->first)),
                          names.file, names.model, fmt::join(dialects, ", ")));
}

}  // namespace sluice
