// SPDX-License-Identifier: Apache-2.0
// Parsing of .names files: lines to rules, sets expanded, and every contradiction refused with its line.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "weights_io/atomic_file.h"
#include "weights_io/error.h"
#include "weights_io/names.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;
constexpr std::size_t kMaxRules = 100'000;
constexpr std::size_t kMaxWords = 10'000;  // of a set
constexpr std::string_view kAxisOrder = "oithw";
constexpr std::string_view kSpaces = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

std::vector<std::string> split_at(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t end = 0; end != std::string_view::npos; begin = end + 1) {
    end = text.find_first_of(separators, begin);
    parts.emplace_back(trimmed(text.substr(begin, end - begin)));
  }
  return parts;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words = split_at(text, kSpaces);
  std::erase(words, std::string());
  return words;
}

using Bindings = std::map<std::string, std::string>;

class NamesParser {
 public:
  explicit NamesParser(const std::string &file) { result_.file = file; }

  NamesFile parse(std::string_view text) {
    for (const std::string &line : split_at(text, "\n")) {
      ++line_;
      const std::string_view statement = trimmed(std::string_view(line).substr(0, line.find('#')));
      if (!statement.empty()) read_statement(statement);
    }
    check_whole();
    return std::move(result_);
  }

 private:
  [[noreturn]] void fail(const std::string &reason, int line) const {
    throw Error(ErrorCode::bad_file, fmt::format("{}:{}: {}", result_.file, line, reason));
  }
  [[noreturn]] void fail(const std::string &reason) const { fail(reason, line_); }

  void read_statement(std::string_view statement) {
    const std::size_t arrow = statement.find("->");
    if (arrow != std::string_view::npos) return read_rule(statement.substr(0, arrow), statement.substr(arrow + 2));
    const std::vector<std::string> words = words_of(statement);
    if (words[0] == "model") {
      if (words.size() != 2) fail("expected: model NAME");
      if (!std::exchange(result_.model, words[1]).empty()) fail("a second model");
    } else if (words[0] == "set") {
      read_set(words);
    } else if (words[0] == "dialect") {
      read_dialect(words);
    } else if (words[0] == "ignore" || words[0] == "prefix") {
      const bool is_prefix = words[0] == "prefix";
      if (words.size() < 2) fail(fmt::format("expected: {} ...", is_prefix ? "prefix PREFIX" : "ignore PATTERN"));
      auto &list = is_prefix ? dialect().prefixes : dialect().ignored;
      list.insert(list.end(), words.begin() + 1, words.end());
    } else if (words[0] == "same") {
      read_duplicate(words);
    } else if (words[0] == "param") {
      read_parameter(words);
    } else {
      fail(in_quotes(words[0]) +
           " begins no statement (model, set, dialect, prefix, same, ignore, param, or NAME -> NAME)");
    }
  }

  void read_set(const std::vector<std::string> &words) {
    if (words.size() < 4 || (words[2] != "=" && words[2] != "+=")) fail("expected: set NAME = WORD ...");
    const bool known = sets_.count(words[1]) != 0;
    if (known != (words[2] == "+=")) {
      fail(fmt::format("set {} is {} defined", in_quotes(words[1]), known ? "already" : "not yet"));
    }
    std::vector<std::string> &set = sets_[words[1]];
    for (std::size_t i = 3; i < words.size(); ++i) {
      for (const std::string &word : words_in(words[i])) {
        if (word.find_first_of("{}") != std::string::npos) fail(fmt::format("{} is no word", in_quotes(word)));
        if (std::find(set.begin(), set.end(), word) != set.end()) {
          fail(fmt::format("{} is in set {} already", in_quotes(word), in_quotes(words[1])));
        }
        if (set.size() == kMaxWords) fail(fmt::format("more than {} words in set {}", kMaxWords, in_quotes(words[1])));
        set.push_back(word);
      }
    }
  }

  // "2..4" is 2 3 4; anything else is itself.
  std::vector<std::string> words_in(const std::string &word) const {
    const std::size_t dots = word.find("..");
    if (dots == std::string::npos) return {word};
    const int64_t first = number(word.substr(0, dots), 0), last = number(word.substr(dots + 2), 0);
    if (last < first || last - first >= int64_t{kMaxWords}) fail(fmt::format("{} is no range", in_quotes(word)));
    std::vector<std::string> result;
    for (int64_t i = first; i <= last; ++i) result.push_back(std::to_string(i));
    return result;
  }

  void read_dialect(const std::vector<std::string> &words) {
    const bool is_like = words.size() == 4 && words[2] == "like";
    if (words.size() != 2 && !is_like) fail("expected: dialect NAME [like DIALECT]");
    NameDialect dialect;
    for (const NameDialect &other : result_.dialects) {
      if (other.name == words[1]) fail(fmt::format("a second dialect {}", in_quotes(words[1])));
      if (is_like && other.name == words[3]) dialect = other;
    }
    if (is_like && dialect.name.empty()) fail(fmt::format("no dialect {} above", in_quotes(words[3])));
    dialect.name = words[1];
    dialect.line = line_;
    result_.dialects.push_back(std::move(dialect));
  }

  // same COPY = ORIGINAL
  void read_duplicate(const std::vector<std::string> &words) {
    NameDialect &into = dialect();
    if (words.size() != 4 || words[2] != "=") fail("expected: same NAME = NAME");
    NameRule rule{words[1], {words[3]}, 0, {}, 0, line_};
    for (const NameRule &pair : expanded(rule)) into.duplicates.push_back({pair.source, pair.targets[0], line_});
    if (into.duplicates.size() > kMaxRules) fail(fmt::format("more than {} copies in a dialect", kMaxRules));
  }

  NameDialect &dialect() {
    if (result_.dialects.empty()) fail("comes before the first dialect");
    return result_.dialects.back();
  }

  // NAME = [sqrt] TENSOR[AXIS] [OPERATION TERM] ...
  void read_parameter(const std::vector<std::string> &words) {
    constexpr const char *kForm =
        "expected: param NAME = [sqrt] TENSOR[AXIS] and + - * / with numbers or TENSOR[AXIS], from left to right";
    if (words.size() < 4 || words[2] != "=") fail(kForm);
    NameParameter parameter{
        words[1], fmt::format("{}", fmt::join(words.begin() + 3, words.end(), " ")), {}, false, line_};
    parameter.is_root = words[3] == "sqrt";
    const std::size_t first = parameter.is_root ? 4 : 3;
    if (words.size() <= first || (words.size() - first) % 2 == 0) fail(kForm);
    for (std::size_t i = first; i < words.size(); i += 2) {
      const std::string operation = i == first ? "+" : words[i - 1];
      const std::size_t bracket = words[i].find('[');
      const bool is_extent = bracket != std::string::npos && bracket != 0 && words[i].back() == ']';
      if (operation.find_first_not_of("+-*/") == 0 || operation.size() > 1 || (i == first && !is_extent)) fail(kForm);
      NameTerm term{operation[0], "", 0, 0};
      if (is_extent) {
        term.tensor = words[i].substr(0, bracket);
        term.axis = static_cast<std::size_t>(number(words[i].substr(bracket + 1, words[i].size() - bracket - 2), 0));
      } else {
        term.number = number(words[i], 1);
      }
      parameter.terms.push_back(std::move(term));
    }
    for (const NameParameter &other : result_.parameters) {
      if (other.name == parameter.name) fail(fmt::format("a second param {}", in_quotes(parameter.name)));
    }
    result_.parameters.push_back(std::move(parameter));
  }

  int64_t number(const std::string &text, int32_t least) const {
    int32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < least) {
      fail(fmt::format("{} is no number of at least {}", in_quotes(text), least));
    }
    return value;
  }

  void read_rule(std::string_view left, std::string_view right) {
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
    if (into.rules.size() + rules.size() > kMaxRules) fail(fmt::format("more than {} names in a dialect", kMaxRules));
    std::move(rules.begin(), rules.end(), std::back_inserter(into.rules));
  }

  void read_axes(const std::string &layout, const std::string &split, NameRule &rule) const {
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

  // The names of the sets in a pattern, in order, each once.
  std::vector<std::string> sets_in(const std::string &pattern) const {
    std::vector<std::string> found;
    for (std::size_t at = pattern.find_first_of("{}"); at != std::string::npos;) {
      const std::size_t close = pattern.find_first_of("{}", at + 1);
      if (pattern[at] != '{' || close == std::string::npos || pattern[close] != '}') {
        fail(fmt::format("braces do not match in {}", in_quotes(pattern)));
      }
      const std::string set = pattern.substr(at + 1, close - at - 1);
      if (sets_.count(set) == 0) fail(fmt::format("no set {}", in_quotes(set)));
      if (std::find(found.begin(), found.end(), set) == found.end()) found.push_back(set);
      at = pattern.find_first_of("{}", close + 1);
    }
    return found;
  }

  static std::string substitute(const std::string &pattern, const Bindings &bindings) {
    std::string result;
    std::size_t at = 0;
    for (std::size_t open = pattern.find('{'); open != std::string::npos; open = pattern.find('{', at)) {
      const std::size_t close = pattern.find('}', open);
      result += pattern.substr(at, open - at) + bindings.at(pattern.substr(open + 1, close - open - 1));
      at = close + 1;
    }
    return result + pattern.substr(at);
  }

  // The rule once for every choice of one word from each set of its source.
  std::vector<NameRule> expanded(const NameRule &rule) const {
    const std::vector<std::string> sets = sets_in(rule.source);
    for (const std::string &target : rule.targets) {
      for (const std::string &set : sets_in(target)) {
        if (std::find(sets.begin(), sets.end(), set) == sets.end()) {
          fail(fmt::format("{{{}}} is not on the left of '->'", set));
        }
      }
    }
    std::vector<NameRule> rules;
    expand_from(rule, sets, 0, {}, rules);
    return rules;
  }

  void expand_from(const NameRule &rule, const std::vector<std::string> &sets, std::size_t next, Bindings bindings,
                   std::vector<NameRule> &into) const {
    if (next < sets.size()) {
      for (const std::string &word : sets_.at(sets[next])) {
        bindings[sets[next]] = word;
        expand_from(rule, sets, next + 1, bindings, into);
      }
      return;
    }
    if (into.size() == kMaxRules) fail(fmt::format("more than {} names in a dialect", kMaxRules));
    NameRule &added = into.emplace_back(rule);
    added.source = substitute(rule.source, bindings);
    for (std::string &target : added.targets) target = substitute(target, bindings);
  }

  // Every target of a dialect; no source and no target may come twice.
  std::set<std::string> targets_of(const NameDialect &dialect) const {
    std::set<std::string> sources, targets;
    for (const NameRule &rule : dialect.rules) {
      if (!sources.insert(rule.source).second) fail(fmt::format("{} comes twice", in_quotes(rule.source)), rule.line);
      for (const std::string &target : rule.targets) {
        if (!targets.insert(target).second) fail(fmt::format("{} is made twice", in_quotes(target)), rule.line);
      }
    }
    for (const NameDuplicate &duplicate : dialect.duplicates) {
      if (sources.count(duplicate.source) != 0) {
        fail(fmt::format("{} comes twice", in_quotes(duplicate.source)), duplicate.line);
      }
      if (sources.count(duplicate.original) == 0) {
        fail(fmt::format("{} is not named", in_quotes(duplicate.original)), duplicate.line);
      }
    }
    return targets;
  }

  void check_whole() const {
    if (result_.model.empty()) fail("no model");
    if (result_.dialects.empty()) fail("no dialect");
    const std::set<std::string> ours = targets_of(result_.dialects.front());
    for (const NameDialect &dialect : result_.dialects) {
      if (dialect.rules.empty()) fail(fmt::format("dialect {} has no names", in_quotes(dialect.name)), dialect.line);
      const std::set<std::string> targets = targets_of(dialect);
      std::vector<std::string> different;
      std::set_symmetric_difference(ours.begin(), ours.end(), targets.begin(), targets.end(),
                                    std::back_inserter(different));
      if (different.empty()) continue;
      fail(fmt::format("dialects {} and {} must make the same tensors; {} is in one only",
                       in_quotes(result_.dialects.front().name), in_quotes(dialect.name), in_quotes(different[0])),
           dialect.line);
    }
    for (const NameParameter &parameter : result_.parameters) {
      for (const NameTerm &term : parameter.terms) {
        if (term.tensor.empty() || ours.count(term.tensor) != 0) continue;
        fail(fmt::format("no dialect makes {}", in_quotes(term.tensor)), parameter.line);
      }
    }
  }

  NamesFile result_;
  std::map<std::string, std::vector<std::string>> sets_;
  int line_ = 0;
};

}  // namespace

NamesFile read_names(const std::filesystem::path &path) {
  const std::vector<std::byte> bytes = read_file(path, kMaxFileBytes);
  return parse_names({reinterpret_cast<const char *>(bytes.data()), bytes.size()}, path.string());
}

NamesFile parse_names(std::string_view text, const std::string &name_for_errors) {
  return NamesParser(name_for_errors).parse(text);
}

}  // namespace sluice
