// SPDX-License-Identifier: Apache-2.0
// Lines and tokens, with limits on what a file could blow up.
#include "runtime/graph_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxText = 4u << 20;  // bytes

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

// Words between blanks; a bracket is one by itself.
std::vector<std::string> tokens_of(std::string_view line) {
  std::vector<std::string> tokens;
  const auto ends_word = [](char c) { return c == ' ' || c == '\t' || c == '[' || c == ']'; };
  for (auto at = line.begin(); at != line.end();) {
    const auto end = std::find_if(at, line.end(), ends_word);
    if (end != at) tokens.emplace_back(at, end);
    if (end == line.end()) break;
    if (*end == '[' || *end == ']') tokens.emplace_back(1, *end);
    at = end + 1;
  }
  return tokens;
}

std::size_t edit_distance(const std::string &a, const std::string &b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row[b.size()];
}

// The part of the line that says something, without comment and outer blanks.
std::string_view checked(std::string_view line, const GraphPosition &position) {
  if (line.size() > kMaxGraphLine) position.fail("the line is longer than 64 kB");
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (const auto at = std::find_if(line.begin(), line.end(), is_control); at != line.end())
    position.fail(fmt::format("control character \\x{:02x}", *at));
  if (!is_valid_utf8(line)) position.fail("the line is not UTF-8 text");
  line = line.substr(0, line.find('#'));
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return line.substr(0, line.find_last_not_of(" \t") + 1);
}

}  // namespace

void GraphPosition::fail(const std::string &message, ErrorCode code) const {
  throw Error(code, fmt::format("{}:{} {}{}{}{}", file, line > 0 ? fmt::format("{}:", line) : "", subject,
                                subject.empty() ? "" : ": ", message, trail));
}

void for_each_line(std::string_view text, GraphPosition &position,
                   const std::function<void(const std::vector<std::string> &, const std::string &)> &run) {
  if (text.size() > kMaxText) position.fail("the file is larger than 4 MB");
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    ++position.line;
    position.subject.clear();
    const std::string_view line = checked(text.substr(0, end), position);
    if (!line.empty()) run(tokens_of(line), std::string(line));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

bool is_graph_name(std::string_view s) {
  return !s.empty() && is_letter(s[0]) &&
         std::all_of(s.begin(), s.end(), [](char c) { return is_letter(c) || is_digit(c) || c == '.'; });
}

bool is_graph_key(std::string_view s) {
  return !s.empty() && s[0] >= 'a' && s[0] <= 'z' &&
         std::all_of(s.begin(), s.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_' || is_digit(c); });
}

std::vector<std::string> split_at(const std::string &text, char separator) {
  std::vector<std::string> items;
  std::size_t first = 0;
  for (std::size_t end = 0; (end = text.find(separator, first)) != std::string::npos; first = end + 1)
    items.push_back(text.substr(first, end - first));
  items.push_back(text.substr(first));
  return items;
}

void check_length(const std::string &name, const GraphPosition &position) {
  if (name.size() > kMaxGraphName) position.fail(fmt::format("a name of more than {} bytes", kMaxGraphName));
}

std::string take_name(const std::vector<std::string> &tokens, const std::string &what, GraphPosition &position) {
  if (tokens.size() < 2) position.fail(fmt::format("a name is missing after {}", in_quotes(tokens[0])));
  position.subject = what + " " + in_quotes(tokens[1]);
  if (!is_graph_name(tokens[1])) {
    position.fail("not a name (letters, digits, '_' and '.', a letter or '_' first)");
  }
  check_length(tokens[1], position);
  return tokens[1];
}

GraphSettings take_settings(const std::vector<std::string> &tokens, std::size_t first, const GraphPosition &position) {
  GraphSettings settings;
  for (std::size_t i = first; i < tokens.size(); ++i) {
    const std::size_t equals = tokens[i].find('=');
    if (equals == std::string::npos) {
      position.fail(fmt::format("unexpected {}, key=value is expected here", in_quotes(tokens[i])));
    }
    const std::string key = tokens[i].substr(0, equals);
    if (!is_graph_key(key)) position.fail("bad key " + in_quotes(key));
    if (!settings.emplace(key, tokens[i].substr(equals + 1)).second) position.fail(fmt::format("'{}' twice", key));
  }
  return settings;
}

void check_keys(const GraphSettings &given, std::span<const std::string> allowed, const std::string &what,
                const GraphPosition &position) {
  for (const auto &[key, value] : given) {
    if (std::find(allowed.begin(), allowed.end(), key) != allowed.end()) continue;
    const std::string known = allowed.empty() ? "there is none" : fmt::format("known: {}", fmt::join(allowed, ", "));
    position.fail(fmt::format("unknown {} {}; {}", what, in_quotes(key), known));
  }
}

std::string suggestion(const std::string &wanted, std::span<const std::string> names) {
  constexpr std::size_t kLongest = 64, kMost = 2000;
  std::size_t best = wanted.size() < 3 ? 1 : std::min<std::size_t>(3, wanted.size() / 2 + 1);  // first too far
  if (wanted.size() > kLongest || names.size() > kMost) return "";
  std::string found;
  for (const std::string &name : names) {
    if (name.size() > kLongest) continue;
    const std::size_t distance = edit_distance(wanted, name);
    if (distance < best) {
      best = distance;
      found = name;
    }
  }
  return found.empty() ? "" : fmt::format("; did you mean '{}'?", found);
}

}  // namespace sluice
