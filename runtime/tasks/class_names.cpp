// SPDX-License-Identifier: Apache-2.0
// Names and numbers of classes.
#include "runtime/tasks/class_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "weights_io/error.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

// Numbers of classes are those of the folders of the data set in alphabetical order.
const std::vector<std::string> kScribble = {"basketball", "chicken",   "cookie", "cupcake",    "moon",
                                            "orange",     "pineapple", "soccer", "strawberry", "watermelon"};

constexpr size_t kMostShown = 50;

std::string lower(std::string text) {
  for (char &letter : text) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return text;
}

// -1 for what is not a whole number.
int64_t number_of(const std::string &text) {
  int64_t number = -1;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size() ? number : -1;
}

std::vector<std::string> split_list(std::string_view list) {
  constexpr std::string_view kBlanks = " \t\n";
  std::vector<std::string> items;
  while (true) {
    const size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    item.remove_prefix(std::min(item.find_first_not_of(kBlanks), item.size()));
    items.emplace_back(item.substr(0, item.find_last_not_of(kBlanks) + 1));
    if (comma == std::string_view::npos) return items;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

int64_t class_count(const Graph &graph) {
  const auto found = graph.parameters.find("classes");
  return found == graph.parameters.end() ? 0 : std::max<int64_t>(number_of(found->second), 0);
}

std::vector<std::string> class_names(const std::string &metadata, int64_t count) {
  if (metadata.empty()) return count == static_cast<int64_t>(kScribble.size()) ? kScribble : std::vector<std::string>();
  std::vector<std::string> names = split_list(metadata);
  for (const std::string &name : names) {
    // A name that can't be shown as it is can't be asked for either.
    if (in_quotes(name) == fmt::format("'{}'", name)) continue;
    throw Error(ErrorCode::bad_file, fmt::format("the weights' metadata 'classes' lists {}: expected names of at most "
                                                 "a hundred bytes, without control characters",
                                                 in_quotes(name)));
  }
  if (count != 0 && static_cast<int64_t>(names.size()) != count) {
    throw Error(ErrorCode::bad_file,
                fmt::format("the weights' metadata 'classes' lists {} names, the graph has {}", names.size(), count));
  }
  return names;
}

int64_t class_number(const std::string &given, const std::vector<std::string> &names, int64_t count) {
  const auto name =
      std::find_if(names.begin(), names.end(), [&](const std::string &n) { return lower(n) == lower(given); });
  if (name != names.end()) return name - names.begin();
  const int64_t most = names.empty() ? count : static_cast<int64_t>(names.size());
  const int64_t number = number_of(given);
  if (number >= 0 && (most == 0 || number < most)) return number;
  std::string expected = most == 0 ? "a number from 0 on" : fmt::format("a number from 0 to {}", most - 1);
  if (!names.empty()) {
    const size_t shown = std::min(names.size(), kMostShown);
    expected = fmt::format("one of {}{}; or {}", fmt::join(names.data(), names.data() + shown, ", "),
                           shown < names.size() ? ", ..." : "", expected);
  }
  throw Error(ErrorCode::usage, fmt::format("no class {}; expected {}", in_quotes(given), expected));
}

}  // namespace sluice
