// SPDX-License-Identifier: Apache-2.0
// Parsing of .names files: lines to statements, sets expanded, and every contradiction refused with its line.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "weights_io/atomic_file.h"
#include "weights_io/error.h"
#include "weights_io/names/names_parser.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;
constexpr std::size_t kMaxSets = 1'000;
constexpr std::size_t kMaxWords = 10'000;     // of a set
constexpr std::size_t kMaxAllWords = 30'000;  // of all sets
constexpr std::size_t kMaxSetsOfName = 16;    // also the depth of expand_from()
constexpr std::size_t kMaxDialects = 100;
constexpr std::size_t kMaxBytes = 16 << 20;  // of all names, sets expanded
constexpr std::string_view kSpaces = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

std::string substitute(const std::string &pattern, const std::map<std::string, std::string> &bindings) {
  std::string result;
  std::size_t at = 0;
  for (std::size_t open = pattern.find('{'); open != std::string::npos; open = pattern.find('{', at)) {
    const std::size_t close = pattern.find('}', open);
    result += pattern.substr(at, open - at) + bindings.at(pattern.substr(open + 1, close - open - 1));
    at = close + 1;
  }
  return result + pattern.substr(at);
}

}  // namespace

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

NamesFile NamesParser::parse(std::string_view text) {
  for (const std::string &line : split_at(text, "\n")) {
    ++line_;
    check_text(line);
    const std::string_view statement = trimmed(std::string_view(line).substr(0, line.find('#')));
    if (!statement.empty()) read_statement(statement);
  }
  check_whole();
  return std::move(result_);
}

// Names of models and dialects stand in messages as they are.
void NamesParser::check_text(std::string_view line) const {
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t' && c != '\r') || byte == 0x7f) fail(fmt::format("control character \\x{:02x}", byte));
  }
  if (!is_valid_utf8(line)) fail("the line is not UTF-8 text");
}

void NamesParser::fail(const std::string &reason, int line) const {
  throw Error(ErrorCode::bad_file, fmt::format("{}:{}: {}", result_.file, line, reason));
}

void NamesParser::read_statement(std::string_view statement) {
  const std::size_t arrow = statement.find("->");
  if (arrow != std::string_view::npos) return read_rule(statement.substr(0, arrow), statement.substr(arrow + 2));
  const Words words = words_of(statement);
  const std::string &first = words[0];
  if (first == "model") return read_model(words);
  if (first == "set") return read_set(words);
  if (first == "param") return read_parameter(words);
  if (first == "picture") return read_picture(words);
  if (first == "known") return read_known(words);
  if (first == "dialect") return read_dialect(words);
  if (first == "prefix" || first == "ignore") return read_list(words);
  if (first == "same") return read_duplicate(words);
  if (first == "constant") return read_constant(words);
  if (first == "rename") return read_rename(words);
  if (first == "solve") return read_solve(words);
  fail(in_quotes(first) +
       " begins no statement (model, set, param, picture, known, dialect, prefix, same, constant, "
       "ignore, rename, solve, or NAME -> NAME)");
}

void NamesParser::read_model(const Words &words) {
  if (words.size() != 2) fail("expected: model NAME");
  if (!std::exchange(result_.model, words[1]).empty()) fail("a second model");
}

void NamesParser::read_set(const Words &words) {
  if (words.size() < 4 || (words[2] != "=" && words[2] != "+=")) fail("expected: set NAME = WORD ...");
  const bool known = sets_.count(words[1]) != 0;
  if (known != (words[2] == "+=")) {
    fail(fmt::format("set {} is {} defined", in_quotes(words[1]), known ? "already" : "not yet"));
  }
  if (!known) check_count(sets_.size() + 1, kMaxSets, "sets");
  std::vector<std::string> &set = sets_[words[1]];
  std::set<std::string> &members = set_members_[words[1]];
  for (std::size_t i = 3; i < words.size(); ++i) {
    for (const std::string &word : words_in(words[i])) {
      if (word.find_first_of("{}") != std::string::npos) fail(fmt::format("{} is no word", in_quotes(word)));
      if (!members.insert(word).second) {
        fail(fmt::format("{} is in set {} already", in_quotes(word), in_quotes(words[1])));
      }
      check_count(++set_words_, kMaxAllWords, "words in all sets");
      if (set.size() == kMaxWords) fail(fmt::format("more than {} words in set {}", kMaxWords, in_quotes(words[1])));
      set.push_back(word);
    }
  }
}

// "2..4" is 2 3 4; anything else is itself.
NamesParser::Words NamesParser::words_in(const std::string &word) const {
  const std::size_t dots = word.find("..");
  if (dots == std::string::npos) return {word};
  const int64_t first = number(word.substr(0, dots), 0), last = number(word.substr(dots + 2), 0);
  if (last < first || last - first >= int64_t{kMaxWords}) fail(fmt::format("{} is no range", in_quotes(word)));
  Words result;
  for (int64_t i = first; i <= last; ++i) result.push_back(std::to_string(i));
  return result;
}

void NamesParser::read_dialect(const Words &words) {
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
  check_count(result_.dialects.size() + 1, kMaxDialects, "dialects");
  for (const NameRule &rule : dialect.rules) charge(rule);
  for (const NameDuplicate &copy : dialect.duplicates) charge(copy.source.size() + copy.original.size());
  result_.dialects.push_back(std::move(dialect));
}

NameDialect &NamesParser::dialect() {
  if (result_.dialects.empty()) fail("comes before the first dialect");
  return result_.dialects.back();
}

void NamesParser::charge(std::size_t bytes) {
  constexpr std::size_t kOverhead = 64;
  bytes_ += bytes + kOverhead;
  if (bytes_ > kMaxBytes) fail(fmt::format("all names together take more than {} MB", kMaxBytes >> 20));
}

void NamesParser::charge(const NameRule &rule) {
  std::size_t bytes = sizeof(NameRule) + rule.source.size();
  for (const std::string &target : rule.targets) bytes += sizeof(std::string) + target.size();
  charge(bytes);
}

void NamesParser::check_count(std::size_t count, std::size_t most, const char *what) const {
  if (count > most) fail(fmt::format("more than {} {}", most, what));
}

int64_t NamesParser::number(const std::string &text, int32_t least) const {
  int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least) {
    fail(fmt::format("{} is no number of at least {}", in_quotes(text), least));
  }
  return value;
}

// The names of the sets in a pattern, in order, each once.
NamesParser::Words NamesParser::sets_in(const std::string &pattern) const {
  Words found;
  for (std::size_t at = pattern.find_first_of("{}"); at != std::string::npos;) {
    const std::size_t close = pattern.find_first_of("{}", at + 1);
    if (pattern[at] != '{' || close == std::string::npos || pattern[close] != '}') {
      fail(fmt::format("braces do not match in {}", in_quotes(pattern)));
    }
    const std::string set = pattern.substr(at + 1, close - at - 1);
    if (sets_.count(set) == 0) fail(fmt::format("no set {}", in_quotes(set)));
    if (std::find(found.begin(), found.end(), set) == found.end()) {
      check_count(found.size() + 1, kMaxSetsOfName, "sets in a name");
      found.push_back(set);
    }
    at = pattern.find_first_of("{}", close + 1);
  }
  return found;
}

// The rule once for every choice of one word from each set of its source.
std::vector<NameRule> NamesParser::expanded(const NameRule &rule) {
  const std::vector<std::string> sets = sets_in(rule.source);
  for (const std::string &target : rule.targets) {
    for (const std::string &set : sets_in(target)) {
      if (std::find(sets.begin(), sets.end(), set) == sets.end()) {
        fail(fmt::format("{{{}}} is not on the left of '->'", set));
      }
    }
  }
  std::size_t count = 1;  // known before a name is built
  for (const std::string &set : sets) {
    count *= sets_.at(set).size();
    check_count(count, kMaxNameRules, "names in a dialect");
  }
  std::vector<NameRule> rules;
  Bindings bindings;
  expand_from(rule, sets, 0, bindings, rules);
  return rules;
}

void NamesParser::expand_from(const NameRule &rule, const Words &sets, std::size_t next, Bindings &bindings,
                              std::vector<NameRule> &into) {
  if (next < sets.size()) {  // no deeper than there are sets in a name
    for (const std::string &word : sets_.at(sets[next])) {
      bindings[sets[next]] = word;
      expand_from(rule, sets, next + 1, bindings, into);
    }
    return;
  }
  NameRule &added = into.emplace_back(rule);
  added.source = substitute(rule.source, bindings);
  for (std::string &target : added.targets) target = substitute(target, bindings);
  charge(added);
}

// Every name of a dialect; none may come twice.
std::set<std::string> NamesParser::sources_of(const NameDialect &dialect) const {
  std::set<std::string> sources;
  const auto add = [&](const std::string &name, int line) {
    if (!sources.insert(name).second) fail(fmt::format("{} comes twice", in_quotes(name)), line);
  };
  for (const NameRule &rule : dialect.rules) add(rule.source, rule.line);
  for (const NameDuplicate &copy : dialect.duplicates) {
    if (sources.count(copy.original) == 0) fail(fmt::format("{} is not named", in_quotes(copy.original)), copy.line);
  }
  for (const NameDuplicate &copy : dialect.duplicates) add(copy.source, copy.line);
  for (const NameConstant &constant : dialect.constants) add(constant.source, constant.line);
  for (const NameSolve &solve : dialect.solved) {
    if (!solve.by.empty()) add(solve.by, solve.line);
  }
  return sources;
}

// Every tensor that a dialect makes; none may be made twice.
std::set<std::string> NamesParser::targets_of(const NameDialect &dialect) const {
  std::set<std::string> targets;
  for (const NameRule &rule : dialect.rules) {
    for (const std::string &target : rule.targets) {
      if (!targets.insert(target).second) fail(fmt::format("{} is made twice", in_quotes(target)), rule.line);
    }
  }
  const std::set<std::string> read = targets;
  for (const NameSolve &solve : dialect.solved) {
    if (!targets.insert(solve.v).second) fail(fmt::format("{} is made twice", in_quotes(solve.v)), solve.line);
    for (const std::string &needed : {solve.weight, solve.u}) {
      if (read.count(needed) == 0) fail(fmt::format("{} is not named", in_quotes(needed)), solve.line);
    }
  }
  return targets;
}

void NamesParser::check_extents(const std::set<std::string> &ours) const {
  const auto check = [&](const std::string &tensor, int line) {
    if (ours.count(tensor) == 0) fail(fmt::format("no dialect makes {}", in_quotes(tensor)), line);
  };
  for (const NameParameter &parameter : result_.parameters) {
    for (const NameTerm &term : parameter.terms) {
      if (!term.tensor.empty()) check(term.tensor, parameter.line);
    }
  }
  for (const NameExtent &extent : result_.picture) check(extent.tensor, extent.line);
}

void NamesParser::check_whole() const {
  if (result_.model.empty()) fail("no model");
  if (result_.dialects.empty()) fail("no dialect");
  const std::set<std::string> ours = targets_of(result_.dialects.front());
  for (const NameDialect &dialect : result_.dialects) {
    if (dialect.rules.empty()) fail(fmt::format("dialect {} has no names", in_quotes(dialect.name)), dialect.line);
    sources_of(dialect);
    const std::set<std::string> targets = targets_of(dialect);
    std::vector<std::string> different;
    std::set_symmetric_difference(ours.begin(), ours.end(), targets.begin(), targets.end(),
                                  std::back_inserter(different));
    if (different.empty()) continue;
    fail(fmt::format("dialects {} and {} must make the same tensors; {} is in one only",
                     in_quotes(result_.dialects.front().name), in_quotes(dialect.name), in_quotes(different[0])),
         dialect.line);
  }
  check_extents(ours);
}

NamesFile read_names(const std::filesystem::path &path) {
  const std::vector<std::byte> bytes = read_file(path, kMaxFileBytes);
  return parse_names({reinterpret_cast<const char *>(bytes.data()), bytes.size()}, path.string());
}

NamesFile parse_names(std::string_view text, const std::string &name_for_errors) {
  return NamesParser(name_for_errors).parse(text);
}

}  // namespace sluice
