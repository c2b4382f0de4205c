// SPDX-License-Identifier: Apache-2.0
// Statements of a dialect: names and layouts, copies, constants, renamed names, solved vectors.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "weights_io/error.h"
#include "weights_io/names/names_parser.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr std::string_view kAxisOrder = "oithw";
constexpr std::size_t kMaxListed = 1000;    // prefixes, or patterns to ignore, of a dialect
constexpr std::size_t kMaxPatterns = 1000;  // rename and solve statements

}  // namespace

void NamesParser::read_list(const Words &words) {
  const bool is_prefix = words[0] == "prefix";
  if (words.size() < 2) fail(fmt::format("expected: {} ...", is_prefix ? "prefix PREFIX" : "ignore PATTERN"));
  auto &list = is_prefix ? dialect().prefixes : dialect().ignored;
  list.insert(list.end(), words.begin() + 1, words.end());
  check_count(list.size(), kMaxListed, is_prefix ? "prefixes" : "patterns");
}

void NamesParser::read_rule(std::string_view left, std::string_view right) {
  NameDialect &into = dialect();
  const std::vector<std::string> source = words_of(left);
  if (source.size() != 1) fail("expected one name before '->'");
  NameRule rule{source[0], {}, 0, {}, 0, line_};
  std::string names, layout, split;
  for (const std::string &word : words_of(right)) {
    std::string &part = word.starts_with("layout=") ? layout : word.starts_with("split=") ? split : names;
    if (&part == &names) {
      part += word + ' ';
    } else if (!std::exchange(part, word.substr(word.find('=') + 1)).empty()) {
      fail(fmt::format("{} is given twice", in_quotes(word)));
    }
  }
  for (const std::string &target : split_at(names, ",")) {
    if (words_of(target).size() != 1) fail("expected names, with commas between them, after '->'");
    rule.targets.push_back(target);
  }
  read_axes(layout, split, rule);
  std::vector<NameRule> rules = expanded(rule);
  check_count(into.rules.size() + rules.size(), kMaxNameRules, "names in a dialect");
  std::move(rules.begin(), rules.end(), std::back_inserter(into.rules));
}

void NamesParser::read_axes(const std::string &layout, const std::string &split, NameRule &rule) const {
  const std::size_t colon = layout.find(':');
  const std::string from = layout.substr(0, colon);
  std::string kept = from, to;
  std::erase(kept, '1');
  if (colon == std::string::npos) {
    std::copy_if(kAxisOrder.begin(), kAxisOrder.end(), std::back_inserter(to),
                 [&](char axis) { return kept.find(axis) != std::string::npos; });
  } else {
    to = layout.substr(colon + 1);
  }
  if (from.size() > 8 || !std::is_permutation(kept.begin(), kept.end(), to.begin(), to.end()) ||
      std::set<char>(kept.begin(), kept.end()).size() != kept.size() || (kept.empty() && !from.empty())) {
    fail(fmt::format("layout {}: expected axes out of {}, or AXES:AXES", in_quotes(layout), in_quotes(kAxisOrder)));
  }
  rule.axes = from.size();
  for (const char axis : to) rule.permutation.push_back(from.find(axis));
  if (split.empty() != (rule.targets.size() == 1)) fail("several names need split=AXIS, and one name none");
  if (split.empty()) return;
  if (split.size() != 1 || to.find(split) == std::string::npos) {
    fail(fmt::format("split {} is no axis of layout {}", in_quotes(split), in_quotes(layout)));
  }
  rule.split_axis = to.find(split);
}

// same COPY = ORIGINAL
void NamesParser::read_duplicate(const Words &words) {
  NameDialect &into = dialect();
  if (words.size() != 4 || words[2] != "=") fail("expected: same NAME = NAME");
  NameRule rule{words[1], {words[3]}, 0, {}, 0, line_};
  for (const NameRule &pair : expanded(rule)) into.duplicates.push_back({pair.source, pair.targets[0], line_});
  check_count(into.duplicates.size(), kMaxNameRules, "copies in a dialect");
}

std::optional<std::string> bound(const NameStar &pattern, std::string_view name) {
  const auto &[before, after] = pattern;
  if (name.size() < before.size() + after.size() || !name.starts_with(before) || !name.ends_with(after)) return {};
  return std::string(name.substr(before.size(), name.size() - before.size() - after.size()));
}

NameStar NamesParser::star_of(const std::string &pattern) const {
  const std::size_t star = pattern.find('*');
  if (star == std::string::npos || pattern.find('*', star + 1) != std::string::npos) {
    fail(fmt::format("{} must have one '*'", in_quotes(pattern)));
  }
  return {pattern.substr(0, star), pattern.substr(star + 1)};
}

// rename PATTERN = PATTERN
void NamesParser::read_rename(const Words &words) {
  NameDialect &in = dialect();
  if (words.size() != 4 || words[2] != "=") fail("expected: rename PATTERN = PATTERN");
  const NameStar from = star_of(words[1]), to = star_of(words[3]);
  check_count(++patterns_, kMaxPatterns, "patterns");
  std::size_t renamed = 0;
  const auto rename = [&](std::string &name) {
    const std::optional<std::string> star = bound(from, name);
    if (!star) return false;
    name = to.with(*star);
    charge(name.size());
    return true;
  };
  for (NameRule &rule : in.rules) renamed += rename(rule.source);
  for (NameDuplicate &copy : in.duplicates) {
    renamed += rename(copy.source);
    rename(copy.original);
  }
  if (renamed == 0) fail(fmt::format("no name above matches {}", in_quotes(words[1])));
}

// solve V = ORIG, U [by SOURCE]
void NamesParser::read_solve(const Words &words) {
  NameDialect &in = dialect();
  const bool has_by = words.size() == 7 && words[5] == "by";
  if ((words.size() != 5 && !has_by) || words[2] != "=" || !words[3].ends_with(',')) {
    fail("expected: solve PATTERN = PATTERN, PATTERN [by PATTERN]");
  }
  const NameStar v = star_of(words[1]), weight = star_of(words[3].substr(0, words[3].size() - 1)),
                 u = star_of(words[4]);
  const NameStar by = has_by ? star_of(words[6]) : NameStar{};
  check_count(++patterns_, kMaxPatterns, "patterns");
  std::vector<NameRule> kept;
  for (NameRule &rule : in.rules) {
    const std::optional<std::string> star = rule.targets.size() == 1 ? bound(v, rule.targets[0]) : std::nullopt;
    if (!star) {
      kept.push_back(std::move(rule));
      continue;
    }
    in.solved.push_back({rule.targets[0], weight.with(*star), u.with(*star), has_by ? by.with(*star) : "", line_});
    charge(sizeof(NameSolve) + in.solved.back().weight.size() + in.solved.back().u.size() + in.solved.back().by.size());
  }
  if (kept.size() == in.rules.size()) fail(fmt::format("no tensor above matches {}", in_quotes(words[1])));
  in.rules = std::move(kept);
}

// constant NAME[EXTENTS] = NUMBERS
void NamesParser::read_constant(const Words &words) {
  constexpr const char *kForm = "expected: constant NAME[EXTENT,...] = NUMBER ...";
  NameDialect &in = dialect();
  if (words.size() < 4 || words[2] != "=") fail(kForm);
  const std::size_t bracket = words[1].find('[');
  if (bracket == std::string::npos || bracket == 0 || words[1].back() != ']') fail(kForm);
  NameConstant constant{words[1].substr(0, bracket), {}, {}, line_};
  int64_t elements = 1;
  for (const std::string &extent : split_at(words[1].substr(bracket + 1, words[1].size() - bracket - 2), ",")) {
    constant.shape.push_back(number(extent, 1));
    if (__builtin_mul_overflow(elements, constant.shape.back(), &elements)) fail(kForm);
  }
  for (std::size_t i = 3; i < words.size(); ++i) {
    float value = 0;
    const char *const end = words[i].data() + words[i].size();
    const auto [stop, error] = std::from_chars(words[i].data(), end, value);
    if (error != std::errc() || stop != end) fail(fmt::format("{} is no number", in_quotes(words[i])));
    constant.values.push_back(value);
  }
  if (elements != static_cast<int64_t>(constant.values.size())) {
    fail(fmt::format("{} numbers for {} elements", constant.values.size(), elements));
  }
  in.constants.push_back(std::move(constant));
}

}  // namespace sluice
