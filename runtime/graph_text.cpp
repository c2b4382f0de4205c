// SPDX-License-Identifier: Apache-2.0
// Lines, tokens and the textual expansion of blocks, with limits on everything that a file could blow up.
#include "runtime/graph_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxText = 4u << 20, kMaxLine = 64u << 10, kMaxExpanded = 16u << 20;  // bytes
constexpr std::size_t kMaxArguments = 64;
constexpr int kMaxBlockDepth = 32;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Words that begin statements which a block cannot hold.
bool is_outer_word(std::string_view s) {
  constexpr std::string_view kWords[] = {"model", "param", "input", "output", "loss", "block"};
  return std::find(std::begin(kWords), std::end(kWords), s) != std::end(kWords);
}

std::vector<std::string> tokens_of(std::string_view line) {
  std::vector<std::string> tokens;
  bool open = false;  // the last token goes on
  for (const char c : line) {
    const bool bracket = c == '[' || c == ']', blank = c == ' ' || c == '\t';
    if (!blank && (bracket || !open)) tokens.emplace_back();
    if (!blank) tokens.back() += c;
    open = !blank && !bracket;
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

struct BlockLine {
  std::vector<std::string> tokens;
  int line = 0;
};

struct Block {
  std::size_t order = 0;  // a block uses only blocks that ended before it began
  std::string name;
  std::vector<std::string> arguments;
  std::vector<BlockLine> body;
  int line = 0;
};

class Expander {
 public:
  Expander(GraphPosition &position, const std::function<void(const GraphStatement &)> &run)
      : position_(position), run_(run) {}

  void read(std::string_view text) {
    if (text.size() > kMaxText) position_.fail("the file is larger than 4 MB");
    if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      ++position_.line;
      position_.subject.clear();
      read_line(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (!in_block_) return;
    position_.line = open_.line;
    position_.subject = "block " + in_quotes(open_.name);
    position_.fail("no 'end' to this block");
  }

 private:
  void read_line(std::string_view line) {
    if (line.size() > kMaxLine) position_.fail("the line is longer than 64 kB");
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    for (const char c : line) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte < 0x20 && c != '\t') || byte == 0x7f) position_.fail(fmt::format("control character \\x{:02x}", byte));
    }
    if (!is_valid_utf8(line)) position_.fail("the line is not UTF-8 text");
    line = line.substr(0, line.find('#'));
    GraphStatement statement{tokens_of(line), {}, false};
    const std::vector<std::string> &tokens = statement.tokens;
    if (tokens.empty()) return;
    if (in_block_) return read_block_line(tokens);
    const std::size_t begin = line.find_first_not_of(" \t");
    statement.text = line.substr(begin, line.find_last_not_of(" \t") + 1 - begin);
    if (tokens[0] == "loss") return run_(statement);
    for (const std::string &token : tokens) {
      if (token.find_first_of("{}") != std::string::npos) position_.fail(in_quotes(token) + " stands outside a block");
    }
    if (tokens[0] == "end") position_.fail("'end' without a block");
    if (tokens[0] == "block") return begin_block(tokens);
    if (tokens[0] == "use") return use(tokens, nullptr, 0);
    run_(statement);
  }

  void begin_block(const std::vector<std::string> &tokens) {
    open_ = {
        blocks_.size(), take_name(tokens, "block", position_), {tokens.begin() + 2, tokens.end()}, {}, position_.line};
    if (const auto other = blocks_.find(open_.name); other != blocks_.end()) {
      position_.fail(fmt::format("already defined at line {}", other->second.line));
    }
    if (open_.arguments.size() > kMaxArguments) position_.fail(fmt::format("more than {} arguments", kMaxArguments));
    arguments_.clear();
    for (const std::string &argument : open_.arguments) {
      if (!is_graph_key(argument)) position_.fail("bad argument name " + in_quotes(argument));
      if (!arguments_.emplace(argument, "").second) position_.fail(fmt::format("argument '{}' twice", argument));
    }
    in_block_ = true;
  }

  void read_block_line(const std::vector<std::string> &tokens) {
    position_.subject = "block " + in_quotes(open_.name);
    if (tokens[0] == "end") {
      if (tokens.size() > 1) position_.fail(fmt::format("unexpected {} after 'end'", in_quotes(tokens[1])));
      if (open_.body.empty()) position_.fail("the block is empty");
      in_block_ = false;
      blocks_.emplace(open_.name, std::move(open_));
      return;
    }
    if (is_outer_word(tokens[0])) position_.fail(fmt::format("'{}' cannot stand inside a block", tokens[0]));
    for (const std::string &token : tokens) substitute(token, arguments_);
    open_.body.push_back({tokens, position_.line});
  }

  // `{argument}` replaced by its value everywhere in the token.
  std::string substitute(const std::string &token, const GraphSettings &values) const {
    std::string result;
    std::size_t at = 0;
    for (std::size_t brace = 0; (brace = token.find_first_of("{}", at)) != std::string::npos;) {
      const std::size_t end = token[brace] == '{' ? token.find('}', brace) : std::string::npos;
      if (end == std::string::npos) position_.fail("unpaired brace in " + in_quotes(token));
      const std::string name = token.substr(brace + 1, end - brace - 1);
      const auto value = values.find(name);
      if (value == values.end()) position_.fail(fmt::format("{} is no argument of the block", in_quotes(name)));
      result.append(token, at, brace - at).append(value->second);
      if (result.size() > kMaxLine) position_.fail("the expanded line is longer than 64 kB");
      at = end + 1;
    }
    return result.append(token, at);
  }

  void use(const std::vector<std::string> &tokens, const Block *inside, int depth) {
    const std::string name = take_name(tokens, "use", position_);
    const auto found = blocks_.find(name);
    if (found == blocks_.end()) {
      std::vector<std::string> names;
      for (const auto &[known, unused] : blocks_) names.push_back(known);
      position_.fail("no such block above this line" + suggestion(name, names));
    }
    const Block &block = found->second;
    if (inside != nullptr && block.order >= inside->order) position_.fail("a block uses only blocks defined before it");
    if (depth >= kMaxBlockDepth) position_.fail(fmt::format("blocks nest deeper than {}", kMaxBlockDepth));
    const GraphSettings values = take_settings(tokens, 2, position_);
    check_keys(values, block.arguments, "argument", position_);
    for (const std::string &argument : block.arguments) {
      if (!values.contains(argument)) position_.fail(fmt::format("argument '{}' is missing", argument));
    }
    const GraphPosition from = position_;
    for (const BlockLine &line : block.body) {
      position_.line = line.line;
      position_.subject = "block " + in_quotes(name);
      position_.trail = fmt::format(" (block {}, used at line {}){}", in_quotes(name), from.line, from.trail);
      expanded_ += position_.trail.size();
      GraphStatement statement{{}, {}, true};
      for (const std::string &token : line.tokens) {
        statement.tokens.push_back(substitute(token, values));
        expanded_ += statement.tokens.back().size();
      }
      if (expanded_ > kMaxExpanded) position_.fail("the expanded blocks are longer than 16 MB");
      if (is_outer_word(statement.tokens[0]) || statement.tokens[0] == "end") {
        position_.fail(fmt::format("'{}' cannot stand inside a block", statement.tokens[0]));
      }
      if (statement.tokens[0] == "use") {
        use(statement.tokens, &block, depth + 1);
      } else {
        position_.subject.clear();
        run_(statement);
      }
    }
    position_ = from;
  }

  GraphPosition &position_;
  const std::function<void(const GraphStatement &)> &run_;
  std::map<std::string, Block> blocks_;
  Block open_;               // the block that is being read
  GraphSettings arguments_;  // of open_, each empty
  bool in_block_ = false;
  std::size_t expanded_ = 0;  // bytes
};

}  // namespace

void GraphPosition::fail(const std::string &message, ErrorCode code) const {
  throw Error(code, fmt::format("{}:{} {}{}{}{}", file, line > 0 ? fmt::format("{}:", line) : "", subject,
                                subject.empty() ? "" : ": ", message, trail));
}

void for_each_statement(std::string_view text, GraphPosition &position,
                        const std::function<void(const GraphStatement &)> &run) {
  Expander(position, run).read(text);
}

bool is_graph_name(std::string_view s) {
  return !s.empty() && is_letter(s[0]) &&
         std::all_of(s.begin(), s.end(), [](char c) { return is_letter(c) || is_digit(c) || c == '.'; });
}

bool is_graph_key(std::string_view s) {
  return !s.empty() && s[0] >= 'a' && s[0] <= 'z' &&
         std::all_of(s.begin(), s.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_' || is_digit(c); });
}

std::string take_name(const std::vector<std::string> &tokens, const std::string &what, GraphPosition &position) {
  if (tokens.size() < 2) position.fail(fmt::format("a name is missing after {}", in_quotes(tokens[0])));
  position.subject = what + " " + in_quotes(tokens[1]);
  if (!is_graph_name(tokens[1])) {
    position.fail("not a name (letters, digits, '_' and '.', a letter or '_' first)");
  }
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
  constexpr std::size_t kLongest = 64;
  std::size_t best = wanted.size() < 3 ? 1 : std::min<std::size_t>(3, wanted.size() / 2 + 1);  // first too far
  if (wanted.size() > kLongest) return "";
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
