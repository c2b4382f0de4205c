// SPDX-License-Identifier: Apache-2.0
// Textual replacement, with arithmetic where a placeholder is no plain name.
#include "runtime/graph_scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "runtime/expression.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxExpanded = 8u << 20;  // bytes
constexpr std::size_t kPieceOverhead = 64;      // bytes that each piece of a line counts besides its text
constexpr const char *kTooMuch = "the expanded lines are longer than 8 MB";

std::optional<std::string> find(const GraphSettings *settings, const std::string &name) {
  if (settings == nullptr) return std::nullopt;
  const auto found = settings->find(name);
  return found == settings->end() ? std::nullopt : std::optional(found->second);
}

[[noreturn]] void fail_name(const std::string &name, const GraphScope &scope, const GraphPosition &position) {
  const char *const what = scope.kind == GraphScope::Kind::op      ? "no port or attribute of the op"
                           : scope.kind == GraphScope::Kind::block ? "no argument of the block"
                                                                   : "no loop variable and no parameter";
  position.fail(fmt::format("{} is {}", in_quotes(name), what));
}

bool is_name(const std::string &placeholder) { return placeholder.empty() || is_graph_name(placeholder); }

// The first brace from `at` on: find_first_of would search the two characters of its set for every one of the token.
std::size_t next_brace(const std::string &token, std::size_t at) {
  const auto is_brace = [](char c) { return c == '{' || c == '}'; };
  return static_cast<std::size_t>(std::find_if(token.begin() + static_cast<std::ptrdiff_t>(at), token.end(), is_brace) -
                                  token.begin());
}

// Calls `text` with every piece outside of braces, `placeholder` with what stands inside.
void for_each_piece(const std::string &token, const GraphPosition &position,
                    const std::function<void(const std::string &)> &text,
                    const std::function<void(const std::string &)> &placeholder) {
  std::size_t at = 0;
  for (std::size_t brace = 0; (brace = next_brace(token, at)) != token.size();) {
    const std::size_t end = token[brace] == '{' ? token.find('}', brace) : std::string::npos;
    if (end == std::string::npos) position.fail("unpaired brace in " + in_quotes(token));
    text(token.substr(at, brace - at));
    placeholder(token.substr(brace + 1, end - brace - 1));
    at = end + 1;
  }
  text(token.substr(at));
}

// The sign of a condition, outside of braces.
std::string comparison(const std::string &condition, std::size_t &at) {
  bool inside = false;
  for (at = 0; at < condition.size(); ++at) {
    const char c = condition[at];
    if (c == '{' || c == '}') inside = c == '{';
    if (inside || std::string("=<>!").find(c) == std::string::npos) continue;
    const bool two = c != '=' && at + 1 < condition.size() && condition[at + 1] == '=';
    return c == '!' && !two ? "" : condition.substr(at, two ? 2 : 1);
  }
  return "";
}

bool compare(const std::string &sign, double a, double b) {
  if (sign == "<") return a < b;
  if (sign == "<=") return a <= b;
  return sign == ">" ? a > b : a >= b;
}

}  // namespace

std::string graph_value(const std::string &text, const GraphSettings *parameters, const GraphPosition &position,
                        ErrorCode code) {
  if (text.empty()) position.fail("a value is missing", code);
  const auto lookup = [parameters](const std::string &name) { return find(parameters, name); };
  if (is_graph_name(text)) return lookup(text).value_or(text);
  try {
    return evaluate(text, lookup);
  } catch (const Error &error) {
    position.fail(error.what(), code);
  }
}

std::string GraphPlaceholders::replace(const std::string &token, const GraphScope &scope) {
  std::string result;
  for_each_piece(
      token, position_, [&](const std::string &text) { result += text; },
      [&](const std::string &text) {
        if (scope.is_plain() && text != "mode") position_.fail(in_quotes(token) + " stands outside a block and a loop");
        result += placeholder(text, scope);
        if (!scope.is_plain()) count(kPieceOverhead);
        if (result.size() > kMaxGraphLine) position_.fail("the expanded line is longer than 64 kB");
      });
  if (!scope.is_plain()) count(std::max(token.size(), result.size()));
  return result;
}

std::string GraphPlaceholders::placeholder(const std::string &text, const GraphScope &scope) {
  if (text == "mode") return mode_;
  if (const auto value = find(&scope.values, text)) return *value;
  if (is_name(text)) {
    if (const auto value = find(scope.parameters, text)) return *value;
    fail_name(text, scope, position_);
  }
  // An argument may be an expression of parameters itself. Errors get their position below.
  const auto of_parameters = [&](const std::string &name) { return find(scope.parameters, name); };
  const auto lookup = [&](const std::string &name) -> std::optional<std::string> {
    auto value = find(&scope.values, name);
    bytes_ += kPieceOverhead + (value ? value->size() : 0);
    if (!value) return of_parameters(name);
    if (bytes_ > kMaxExpanded) throw Error(ErrorCode::bad_file, kTooMuch);
    if (value->empty() || as_number(*value)) return value;
    return is_graph_name(*value) ? of_parameters(*value).value_or(*value) : evaluate(*value, of_parameters);
  };
  try {
    return evaluate(text, lookup);
  } catch (const Error &error) {
    position_.fail(error.what());
  }
}

std::vector<std::string> GraphPlaceholders::replace_all(std::span<const std::string> tokens, const GraphScope &scope) {
  std::vector<std::string> result;
  for (const std::string &token : tokens) {
    std::string text = replace(token, scope);
    if (scope.kind != GraphScope::Kind::op || token != "{attributes}") {
      result.push_back(std::move(text));
    } else if (!text.empty()) {
      for (std::string &attribute : split_at(text, ' ')) result.push_back(std::move(attribute));
    }
  }
  return result;
}

// A word, a number or a list of them; nothing for nothing.
std::string GraphPlaceholders::side(const std::string &text, const GraphScope &scope) {
  const std::string replaced = replace(text, scope);
  if (replaced.empty()) return "";
  std::string result;
  for (const std::string &item : split_at(replaced, ',')) {
    result += (result.empty() ? "" : ",") + graph_value(item, scope.parameters, position_);
    count(kPieceOverhead);
  }
  count(result.size());
  return result;
}

bool GraphPlaceholders::holds(const std::string &condition, const GraphScope &scope) {
  std::size_t at = 0;
  count(condition.size());  // also of what is empty when it is replaced
  const std::string sign = comparison(condition, at);
  if (sign.empty()) {
    position_.fail(fmt::format("{} is no condition (A=B, A!=B, A<B, A<=B, A>B, A>=B)", in_quotes(condition)));
  }
  const std::string left = side(condition.substr(0, at), scope), right = condition.substr(at + sign.size());
  if (sign == "=" || sign == "!=") {
    bool equal = false;
    for (const std::string &alternative : split_at(right, '|')) {
      count(kPieceOverhead);
      equal |= side(alternative, scope) == left;
    }
    return equal == (sign == "=");
  }
  const std::string bound = side(right, scope);
  const auto a = as_number(left), b = as_number(bound);
  if (!a || !b) position_.fail(fmt::format("'{}' compares numbers, got {}", sign, in_quotes(a ? bound : left)));
  return compare(sign, *a, *b);
}

int64_t GraphPlaceholders::integer(const std::string &what, const std::string &text, const GraphScope &scope) {
  const std::string value = graph_value(replace(text, scope), scope.parameters, position_);
  const auto result = as_integer(value);
  if (!result) position_.fail(fmt::format("{} is an integer, got {}", what, in_quotes(value)));
  return *result;
}

void GraphPlaceholders::count(std::size_t bytes) {
  bytes_ += bytes;
  if (bytes_ > kMaxExpanded) position_.fail(kTooMuch);
}

void check_placeholders(const std::string &token, const GraphScope &scope, const GraphPosition &position) {
  for_each_piece(
      token, position, [](const std::string &) {},
      [&](const std::string &text) {
        if (!is_name(text) || text == "mode" || scope.values.contains(text)) return;
        if (!find(scope.parameters, text)) fail_name(text, scope, position);
      });
}

}  // namespace sluice
