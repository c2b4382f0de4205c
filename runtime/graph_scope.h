// SPDX-License-Identifier: Apache-2.0
// What words, expressions and `{placeholders}` of a graph file mean where they stand.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/graph_text.h"

namespace sluice {

// The names that a line may use.
struct GraphScope {
  enum class Kind { file, block, op };
  Kind kind = Kind::file;
  GraphSettings values;                       // arguments, loop variables, ports and attributes: replaced as text
  const GraphSettings *parameters = nullptr;  // of the graph; null where they are not seen: in an op's definition

  bool is_plain() const { return kind == Kind::file && values.empty(); }  // top level, outside loops
};

// A parameter's value, a word, or the value of an expression. `parameters` may be null.
std::string graph_value(const std::string &text, const GraphSettings *parameters, const GraphPosition &position,
                        ErrorCode code = ErrorCode::bad_file);

// Replaces placeholders and decides conditions. Counts the bytes it goes through, so that no file can make it work for
// long; `mode` and `position` must outlive it.
class GraphPlaceholders {
 public:
  GraphPlaceholders(const std::string &mode, const GraphPosition &position) : mode_(mode), position_(position) {}

  // `{mode}`, `{name}` and `{expression}` replaced everywhere in the token.
  std::string replace(const std::string &token, const GraphScope &scope);
  // The same for a line; `{attributes}` as a token of an op's definition becomes one token for each attribute.
  std::vector<std::string> replace_all(std::span<const std::string> tokens, const GraphScope &scope);

  // "A=B|C", "A!=B|C", "A<B", "A<=B", "A>B", "A>=B". Sides are split before anything is replaced.
  bool holds(const std::string &condition, const GraphScope &scope);
  // An integer, after replacing.
  int64_t integer(const std::string &what, const std::string &text, const GraphScope &scope);

  void count(std::size_t bytes);

 private:
  std::string placeholder(const std::string &text, const GraphScope &scope);
  std::string side(const std::string &text, const GraphScope &scope);

  const std::string &mode_;
  const GraphPosition &position_;
  std::size_t bytes_ = 0;
};

// Fails where a token has an unpaired brace or a `{name}` that is not `mode`, in scope.values or a parameter.
void check_placeholders(const std::string &token, const GraphScope &scope, const GraphPosition &position);

}  // namespace sluice
