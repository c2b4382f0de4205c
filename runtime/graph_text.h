// SPDX-License-Identifier: Apache-2.0
// The text of a graph file as statements: lines checked and cut into tokens, blocks expanded. What the statements mean
// is graph_file.cpp's matter.
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

// Where reading is, for messages: "file:line: subject: message (block 'b', used at line n)".
struct GraphPosition {
  std::string file;
  int line = 0;
  std::string subject;  // "node 'x'"; may be empty
  std::string trail;    // for a line of a block: where the block was used

  [[noreturn]] void fail(const std::string &message, ErrorCode code = ErrorCode::bad_file) const;
};

struct GraphStatement {
  std::vector<std::string> tokens;  // never empty
  std::string text;                 // the line without comment and outer blanks; empty in a block
  bool in_block = false;
};

// Calls `run` for every statement in order, blocks expanded, with `position` at it; `block`, `end`, `use` are consumed.
void for_each_statement(std::string_view text, GraphPosition &position,
                        const std::function<void(const GraphStatement &)> &run);

bool is_graph_name(std::string_view s);  // [A-Za-z_][A-Za-z0-9_.]*
bool is_graph_key(std::string_view s);   // [a-z][a-z0-9_]*

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
