// SPDX-License-Identifier: Apache-2.0
// Lines, tokens and blocks of graph files, with the message of every refusal.
#include "runtime/graph_text.h"

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tests/weights_io/support.h"

namespace sluice {
namespace {

using test::message_of;

// Every statement as "line:token token ...".
std::vector<std::string> statements(const std::string &text) {
  std::vector<std::string> result;
  GraphPosition position{"g", 0, "", ""};
  for_each_statement(text, position, [&](const GraphStatement &statement) {
    result.push_back(fmt::format("{}:{}", position.line, fmt::join(statement.tokens, " ")));
  });
  return result;
}

std::string refusal(const std::string &text) {
  return message_of(ErrorCode::bad_file, [&] { statements(text); });
}

using Lines = std::vector<std::string>;

TEST(GraphText, Tokens) {
  EXPECT_EQ(statements("a b  c\n\n# all comment\n\td e=1 # comment\r\n"), (Lines{"1:a b c", "4:d e=1"}));
  EXPECT_EQ(statements("x [n 3 h w] k=1\ny[n]"), (Lines{"1:x [ n 3 h w ] k=1", "2:y [ n ]"}));
  EXPECT_EQ(statements("a\nb"), (Lines{"1:a", "2:b"}));
  EXPECT_EQ(statements("\xef\xbb\xbf"
                       "a # \xc3\xa9"),
            (Lines{"1:a"}));
  EXPECT_EQ(statements(""), Lines{});
  EXPECT_EQ(statements("\n \n#"), Lines{});
}

TEST(GraphText, LossKeepsItsText) {
  std::string text;
  GraphPosition position{"g", 0, "", ""};
  for_each_statement("  loss  l1 [a]  {b} # c\n", position, [&](const GraphStatement &s) { text = s.text; });
  EXPECT_EQ(text, "loss  l1 [a]  {b}");
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
  EXPECT_EQ(statements(std::string(4u << 20, '\n')), Lines{});
  EXPECT_EQ(refusal("a\n" + std::string((64u << 10) + 1, 'x')), "g:2: the line is longer than 64 kB");
  EXPECT_EQ(statements(std::string(64u << 10, 'x')).size(), 1u);
}

TEST(GraphText, BlockIsExpanded) {
  EXPECT_EQ(
      statements("block b p w\n"
                 "  conv {p}1 from {p}0 k=2*{w},{w}\n"
                 "  conv {p}2 from {p}1\n"
                 "end\n"
                 "use b p=x w=3\n"
                 "use b w=a/2 p=\n"),
      (Lines{"2:conv x1 from x0 k=2*3,3", "3:conv x2 from x1", "2:conv 1 from 0 k=2*a/2,a/2", "3:conv 2 from 1"}));
}

TEST(GraphText, BlocksUseEarlierBlocks) {
  EXPECT_EQ(statements("block inner n\n f{n} {n}\nend\n"
                       "block outer n\n use inner n={n}a\n use inner n={n}b\n g {n}\nend\n"
                       "use outer n=z\n"
                       "h\n"),
            (Lines{"2:fza za", "2:fzb zb", "7:g z", "10:h"}));
}

TEST(GraphText, ABlockWithoutArguments) { EXPECT_EQ(statements("block b\nf x\nend # done\nuse b"), (Lines{"2:f x"})); }

TEST(GraphText, BlockRefusals) {
  EXPECT_EQ(refusal("block b\nf x\n"), "g:1: block 'b': no 'end' to this block");
  EXPECT_EQ(refusal("f\nend\n"), "g:2: 'end' without a block");
  EXPECT_EQ(refusal("block b\nf x\nend now"), "g:3: block 'b': unexpected 'now' after 'end'");
  EXPECT_EQ(refusal("block b\nend"), "g:2: block 'b': the block is empty");
  EXPECT_EQ(refusal("block"), "g:1: a name is missing after 'block'");
  EXPECT_EQ(refusal("block 1b\n"), "g:1: block '1b': not a name (letters, digits, '_' and '.', a letter or '_' first)");
  EXPECT_EQ(refusal("block b\nf x\nend\nblock b\n"), "g:4: block 'b': already defined at line 1");
  EXPECT_EQ(refusal("block b a=1\n"), "g:1: block 'b': bad argument name 'a=1'");
  EXPECT_EQ(refusal("block b p q p\n"), "g:1: block 'b': argument 'p' twice");
  EXPECT_EQ(refusal("block a\nblock b\n"), "g:2: block 'a': 'block' cannot stand inside a block");
  for (const std::string word : {"model", "param", "input", "output", "loss"}) {
    EXPECT_EQ(refusal("block b\n" + word + " x\n"), "g:2: block 'b': '" + word + "' cannot stand inside a block");
  }
  std::string many = "block b";
  for (int i = 0; i < 65; ++i) many += " a" + std::to_string(i);
  EXPECT_EQ(refusal(many), "g:1: block 'b': more than 64 arguments");
}

TEST(GraphText, PlaceholderRefusals) {
  EXPECT_EQ(refusal("block b p\nf {q}x\nend"), "g:2: block 'b': 'q' is no argument of the block");
  EXPECT_EQ(refusal("block b p\nf {}x\nend"), "g:2: block 'b': '' is no argument of the block");
  EXPECT_EQ(refusal("block b p\nf {p\nend"), "g:2: block 'b': unpaired brace in '{p'");
  EXPECT_EQ(refusal("block b p\nf p}\nend"), "g:2: block 'b': unpaired brace in 'p}'");
  EXPECT_EQ(refusal("f {p}\n"), "g:1: '{p}' stands outside a block");
  EXPECT_EQ(refusal("block b p\nf x\nend\nuse b p={p}"), "g:4: 'p={p}' stands outside a block");
}

TEST(GraphText, UseRefusals) {
  const std::string block = "block bee p q\nf {p}{q}\nend\n";
  EXPECT_EQ(refusal(block + "use"), "g:4: a name is missing after 'use'");
  EXPECT_EQ(refusal(block + "use bees"), "g:4: use 'bees': no such block above this line; did you mean 'bee'?");
  EXPECT_EQ(refusal("use later\nblock later\nf\nend\n"), "g:1: use 'later': no such block above this line");
  EXPECT_EQ(refusal(block + "use bee p=1"), "g:4: use 'bee': argument 'q' is missing");
  EXPECT_EQ(refusal(block + "use bee p=1 q=2 r=3"), "g:4: use 'bee': unknown argument 'r'; known: p, q");
  EXPECT_EQ(refusal("block b\nf\nend\nuse b p=1"), "g:4: use 'b': unknown argument 'p'; there is none");
  EXPECT_EQ(refusal(block + "use bee p=1 p=2 q=1"), "g:4: use 'bee': 'p' twice");
  EXPECT_EQ(refusal(block + "use bee p q=1"), "g:4: use 'bee': unexpected 'p', key=value is expected here");
}

TEST(GraphText, NoRecursion) {
  EXPECT_EQ(refusal("block b\nuse b\nend\nuse b"),
            "g:2: use 'b': a block uses only blocks defined before it (block 'b', used at line 4)");
  EXPECT_EQ(refusal("block a\nuse b\nend\nblock b\nuse a\nend\nuse b"),
            "g:2: use 'b': a block uses only blocks defined before it (block 'a', used at line 5) "
            "(block 'b', used at line 7)");
  EXPECT_EQ(refusal("block b op\n{op} x\nend\nuse b op=model"),
            "g:2: block 'b': 'model' cannot stand inside a block (block 'b', used at line 4)");
  EXPECT_EQ(refusal("block b op\n{op} x\nend\nuse b op=end"),
            "g:2: block 'b': 'end' cannot stand inside a block (block 'b', used at line 4)");
}

// `count` blocks, each using the one before with the given line.
std::string chain(int count, const std::string &line) {
  std::string text = "block b0 a\nf {a}\nend\n";
  for (int i = 1; i < count; ++i)
    text += fmt::format("block b{} a\n{}\nend\n", i, fmt::format(fmt::runtime(line), i - 1));
  return text + fmt::format("use b{} a=x\n", count - 1);
}

TEST(GraphText, ExpansionIsLimited) {
  EXPECT_EQ(statements(chain(32, "use b{} a={{a}}")), (Lines{"2:f x"}));
  EXPECT_NE(refusal(chain(33, "use b{} a={{a}}")).find("use 'b0': blocks nest deeper than 32"), std::string::npos);
  EXPECT_NE(refusal(chain(20, "use b{} a={{a}}{{a}}")).find("the expanded line is longer than 64 kB"),
            std::string::npos);
  EXPECT_NE(refusal(chain(30, "use b{0} a={{a}}\nuse b{0} a={{a}}")).find("the expanded blocks are longer than 16 MB"),
            std::string::npos);
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

}  // namespace
}  // namespace sluice
