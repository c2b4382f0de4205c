// SPDX-License-Identifier: Apache-2.0
// Lines and tokens of graph files, names and keys, with the message of every refusal.
#include "runtime/graph_text.h"

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tests/weights_io/support.h"

namespace sluice {
namespace {

using test::message_of;

// Every line as "number:token token ...".
std::vector<std::string> lines(const std::string &text) {
  std::vector<std::string> result;
  GraphPosition position{"g", 0, "", ""};
  for_each_line(text, position, [&](const std::vector<std::string> &tokens, const std::string &) {
    result.push_back(fmt::format("{}:{}", position.line, fmt::join(tokens, " ")));
  });
  return result;
}

std::string refusal(const std::string &text) {
  return message_of(ErrorCode::bad_file, [&] { lines(text); });
}

using Lines = std::vector<std::string>;

TEST(GraphText, Tokens) {
  EXPECT_EQ(lines("a b  c\n\n# all comment\n\td e=1 # comment\r\n"), (Lines{"1:a b c", "4:d e=1"}));
  EXPECT_EQ(lines("x [n 3 h w] k=1\ny[n]"), (Lines{"1:x [ n 3 h w ] k=1", "2:y [ n ]"}));
  EXPECT_EQ(lines("a\nb"), (Lines{"1:a", "2:b"}));
  EXPECT_EQ(lines("\xef\xbb\xbf"
                  "a # \xc3\xa9"),
            (Lines{"1:a"}));
  EXPECT_EQ(lines(""), Lines{});
  EXPECT_EQ(lines("\n \n#"), Lines{});
}

TEST(GraphText, LinesKeepTheirText) {
  std::string text;
  GraphPosition position{"g", 0, "", ""};
  for_each_line(" \t a  l1 [a]  {b} \t # c\r\n", position, [&](const auto &, const std::string &line) { text = line; });
  EXPECT_EQ(text, "a  l1 [a]  {b}");
}

TEST(GraphText, BadBytes) {
  EXPECT_EQ(refusal(std::string("a\nb\0c", 5)), "g:2: control character \\x00");
  EXPECT_EQ(refusal("a\x1b[2J"), "g:1: control character \\x1b");
  EXPECT_EQ(refusal("a\rb\n"), "g:1: control character \\x0d");
  EXPECT_EQ(refusal("a\n# \xff\n"), "g:2: the line is not UTF-8 text");
  EXPECT_EQ(refusal("\xc0\xaf"), "g:1: the line is not UTF-8 text");
}

TEST(GraphText, Sizes) {
  EXPECT_EQ(refusal(std::string((4u << 20) + 1, '\n')), "g: the file is larger than 4 MB");
  EXPECT_EQ(lines(std::string(4u << 20, '\n')), Lines{});
  EXPECT_EQ(refusal("a\n" + std::string((64u << 10) + 1, 'x')), "g:2: the line is longer than 64 kB");
  EXPECT_EQ(lines(std::string(64u << 10, 'x')).size(), 1u);
}

TEST(GraphText, PositionInMessages) {
  const auto message = [](const GraphPosition &p) {
    return message_of(ErrorCode::usage, [&] { p.fail("bad", ErrorCode::usage); });
  };
  EXPECT_EQ(message({"g", 0, "", ""}), "g: bad");
  EXPECT_EQ(message({"g", 3, "", ""}), "g:3: bad");
  EXPECT_EQ(message({"g", 3, "node 'x'", " (there)"}), "g:3: node 'x': bad (there)");
}

TEST(GraphText, Suggestions) {
  const std::vector<std::string> names = {"conv1", "masked", "x", std::string(70, 'a')};
  EXPECT_EQ(suggestion("conv2", names), "; did you mean 'conv1'?");
  EXPECT_EQ(suggestion("mask", names), "; did you mean 'masked'?");
  EXPECT_EQ(suggestion("decoder", names), "");
  EXPECT_EQ(suggestion("y", names), "");
  EXPECT_EQ(suggestion(std::string(71, 'a'), names), "");
}

TEST(GraphText, NamesAndKeys) {
  for (const char *name : {"a", "_a", "A.b_1"}) EXPECT_TRUE(is_graph_name(name)) << name;
  for (const char *name : {"", "1a", ".a", "a-b", "\xc3\xa9"}) EXPECT_FALSE(is_graph_name(name)) << name;
  for (const char *key : {"a", "a_1"}) EXPECT_TRUE(is_graph_key(key)) << key;
  for (const char *key : {"", "A", "_a", "1a", "a.b", "aB"}) EXPECT_FALSE(is_graph_key(key)) << key;
}

TEST(GraphText, Lists) {
  EXPECT_EQ(split_at("a,,b", ','), (Lines{"a", "", "b"}));
  EXPECT_EQ(split_at("", ','), (Lines{""}));
}

}  // namespace
}  // namespace sluice
