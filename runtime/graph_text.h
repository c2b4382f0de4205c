// SPDX-License-Identifier: Apache-2.0
// The text of graph files: lines checked and cut into tokens, names, keys, and where reading is. What stands in braces
// is graph_scope.h, blocks and loops are graph_statements.h, the statements themselves graph_file.h.
#pragma once
#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights_io/error.h"

namespace sluice {

constexpr std::size_t kMaxGraphLine = 64u << 10;  // bytes, also after expansion
constexpr std::size_t kMaxGraphName = 256;        // bytes; names are kept several times

// Where reading is, for messages: "file:line: subject: message (block 'b', used at line n)".
struct GraphPosition {
  std::string file;
  int line = 0;
  std::string subject;  // "node 'x'"; may be empty
  std::string trail;    // for a line that was expanded: what it came from

  [[noreturn]] void fail(const std::string &message, ErrorCode code = ErrorCode::bad_file) const;
};

// Calls `run` with the tokens and the text (without comment and outer blanks) of every line that is not empty, with
// `position` at it.
void for_each_line(std::string_view text, GraphPosition &position,
                   const std::function<void(const std::vector<std::string> &, const std::string &)> &run);

bool is_graph_name(std::string_view s);  // [A-Za-z_][A-Za-z0-9_.]*
bool is_graph_key(std::string_view s);   // [a-z][a-z0-9_]*

std::vector<std::string> split_at(const std::string &text, char separator);  // "a,,b" -> a, "", b

// Fails where a name is longer than kMaxGraphName.
void check_length(const std::string &name, const GraphPosition &position);

// The name after the first token; it becomes the subject: "<what> 'name'".
std::string take_name(const std::vector<std::string> &tokens, const std::string &what, GraphPosition &position);

using GraphSettings = std::map<std::string, std::string>;

// The `key=text` tokens from `first` on, each key once.
GraphSettings take_settings(const std::vector<std::string> &tokens, std::size_t first, const GraphPosition &position);
// Fails on a key that is not allowed, listing those that are.
void check_keys(const GraphSettings &given, std::span<const std::string> allowed, const std::string &what,
                const GraphPosition &position);

// "; did you mean 'name'?" for the one of `names` that is nearly `wanted`, or nothing.
std::string suggestion(const std::string &wanted, std::span<const std::string> names);

}  // namespace sluice
