// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/recipe_values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "runtime/expression.h"
#include "runtime/graph_scope.h"
#include "weights_io/text.h"

namespace sluice {

RecipeValues::RecipeValues(const std::vector<std::string> &tokens, size_t first, const GraphSettings &parameters,
                           const GraphPosition &position)
    : given_(take_settings(tokens, first, position)), parameters_(parameters), position_(position) {}

std::optional<std::string> RecipeValues::take(const std::string &key) {
  known_.push_back(key);
  const auto found = given_.find(key);
  if (found == given_.end()) return std::nullopt;
  std::string text = std::move(found->second);
  given_.erase(found);
  return text;
}

int64_t RecipeValues::integer_of(const std::string &key, const std::string &text, int64_t least, int64_t most) const {
  const std::string value = graph_value(text, &parameters_, position_);
  const auto number = as_integer(value);
  if (!number || *number < least || *number > most)
    position_.fail(fmt::format("{} is a whole number from {} to {}, got {}", key, least, most, in_quotes(value)));
  return *number;
}

int64_t RecipeValues::integer(const std::string &key, int64_t otherwise, int64_t least, int64_t most) {
  const auto text = take(key);
  return text ? integer_of(key, *text, least, most) : otherwise;
}

double RecipeValues::real(const std::string &key, double otherwise, double least, double most) {
  const auto text = take(key);
  if (!text) return otherwise;
  const std::string value = graph_value(*text, &parameters_, position_);
  const auto number = as_number(value);
  if (!number || !(*number >= least && *number <= most))
    position_.fail(fmt::format("{} is a number from {} to {}, got {}", key, least, most, in_quotes(value)));
  return *number;
}

std::string RecipeValues::word(const std::string &key, const std::string &otherwise,
                               std::span<const std::string> words) {
  const auto text = take(key);
  if (!text) return otherwise;
  std::string value = graph_value(*text, &parameters_, position_);
  if (std::find(words.begin(), words.end(), value) == words.end()) {
    position_.fail(
        fmt::format("{} is {}, got {}{}", key, fmt::join(words, " or "), in_quotes(value), suggestion(value, words)));
  }
  return value;
}

bool RecipeValues::boolean(const std::string &key, bool otherwise) {
  static const std::string words[] = {"true", "false"};
  return word(key, otherwise ? "true" : "false", words) == "true";
}

std::pair<int64_t, int64_t> RecipeValues::two(const std::string &key, std::pair<int64_t, int64_t> otherwise,
                                              int64_t least, int64_t most) {
  const auto text = take(key);
  if (!text) return otherwise;
  const std::vector<std::string> items = split_at(*text, ',');
  if (items.size() > 2) position_.fail(fmt::format("{} is one number or two, got {}", key, in_quotes(*text)));
  return {integer_of(key, items.front(), least, most), integer_of(key, items.back(), least, most)};
}

std::pair<int64_t, int64_t> RecipeValues::range(const std::string &key, std::pair<int64_t, int64_t> otherwise,
                                                int64_t least, int64_t most) {
  const auto ends = two(key, otherwise, least, most);
  if (ends.first > ends.second)
    position_.fail(fmt::format("{} begins with {}, above its end {}", key, ends.first, ends.second));
  return ends;
}

std::string RecipeValues::text(const std::string &key, const std::string &otherwise) {
  const auto given = take(key);
  if (given && given->empty()) position_.fail(fmt::format("{} is empty", key));
  return given.value_or(otherwise);
}

GraphSettings RecipeValues::rest() {
  GraphSettings values;
  for (const auto &[key, text] : given_) values[key] = graph_value(text, &parameters_, position_);
  given_.clear();
  return values;
}

void RecipeValues::finish() const {
  if (given_.empty()) return;
  const std::string &key = given_.begin()->first;
  position_.fail(
      fmt::format("unknown key {}; known: {}{}", in_quotes(key), fmt::join(known_, ", "), suggestion(key, known_)));
}

}  // namespace sluice
