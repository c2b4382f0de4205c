// SPDX-License-Identifier: Apache-2.0
// The parser of .names files. Its statements are spread over names_file.cpp (whole file, sets, dialects, checks),
// names_rules.cpp (what stands in a dialect) and names_statements.cpp (what stands above all dialects).
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weights_io/names/names.h"

namespace sluice {

// Parts between separators, blanks around them removed; and words.
std::vector<std::string> split_at(std::string_view text, std::string_view separators);
std::vector<std::string> words_of(std::string_view text);

// A pattern's text around its one '*'.
struct NameStar {
  std::string before, after;

  std::string with(const std::string &star) const { return before + star + after; }
};
// What '*' stands for in the name; nothing where it does not match.
std::optional<std::string> bound(const NameStar &pattern, std::string_view name);

inline constexpr std::size_t kMaxNameRules = 100'000;  // of a dialect

class NamesParser {
 public:
  explicit NamesParser(const std::string &file) { result_.file = file; }
  NamesFile parse(std::string_view text);

 private:
  using Bindings = std::map<std::string, std::string>;
  using Words = std::vector<std::string>;

  [[noreturn]] void fail(const std::string &reason, int line) const;
  [[noreturn]] void fail(const std::string &reason) const { fail(reason, line_); }
  void check_text(std::string_view line) const;
  int64_t number(const std::string &text, int32_t least) const;
  // NAME[AXIS]; `form` is said when it is none.
  NameExtent extent_of(const std::string &word, const char *form) const;
  NameDialect &dialect();
  // Counts memory that a short line can claim much of. Refuses more than a file of ours could ever need.
  void charge(const NameRule &rule);
  void charge(std::size_t bytes);
  void check_count(std::size_t count, std::size_t most, const char *what) const;
  NameStar star_of(const std::string &pattern) const;

  void read_statement(std::string_view statement);
  void read_model(const Words &words);
  void read_set(const Words &words);
  Words words_in(const std::string &word) const;
  void read_dialect(const Words &words);

  // Statements of a dialect.
  void read_list(const Words &words);
  void read_rule(std::string_view left, std::string_view right);
  void read_axes(const std::string &layout, const std::string &split, NameRule &rule) const;
  void read_duplicate(const Words &words);
  void read_rename(const Words &words);
  void read_solve(const Words &words);
  void read_constant(const Words &words);

  // Statements of the model.
  void read_parameter(const Words &words);
  void read_known(const Words &words);
  void read_picture(const Words &words);

  // Patterns with {SET}.
  Words sets_in(const std::string &pattern) const;
  std::vector<NameRule> expanded(const NameRule &rule);
  void expand_from(const NameRule &rule, const Words &sets, std::size_t next, Bindings &bindings,
                   std::vector<NameRule> &into);

  // What can be said only at the end.
  std::set<std::string> targets_of(const NameDialect &dialect) const;
  std::set<std::string> sources_of(const NameDialect &dialect) const;
  void check_extents(const std::set<std::string> &ours) const;
  void check_whole() const;

  NamesFile result_;
  std::map<std::string, Words> sets_;
  std::map<std::string, std::set<std::string>> set_members_;  // the same words, to be found
  std::size_t set_words_ = 0, bytes_ = 0, patterns_ = 0;
  int line_ = 0;
};

}  // namespace sluice
