// SPDX-License-Identifier: Apache-2.0
// Blocks, loops and conditions of graph files, with the message of every refusal.
#include "runtime/graph_statements.h"

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tests/weights_io/support.h"

namespace sluice {
namespace {

using test::message_of;
using Lines = std::vector<std::string>;

// Every statement as "line:token token ...". There are three parameters.
Lines statements(const std::string &text, const std::string &mode = "eval") {
  const GraphSettings parameters{{"width", "48"}, {"depth", "2"}, {"act", "elu"}};
  Lines result;
  GraphPosition position{"g", 0, "", ""};
  for_each_statement(text, position, {mode, &parameters, nullptr}, [&](const GraphStatement &statement) {
    result.push_back(fmt::format("{}:{}", position.line, fmt::join(statement.tokens, " ")));
  });
  return result;
}

std::string refusal(const std::string &text) {
  return message_of(ErrorCode::bad_file, [&] { statements(text); });
}

TEST(GraphStatements, LossKeepsItsText) {
  std::string text;
  GraphPosition position{"g", 0, "", ""};
  for_each_statement("  loss  l1 [a]  {b} # c\n", position, {}, [&](const GraphStatement &s) { text = s.text; });
  EXPECT_EQ(text, "loss  l1 [a]  {b}");
}

TEST(GraphStatements, BlockIsExpanded) {
  EXPECT_EQ(
      statements("block b p w\n"
                 "  conv {p}1 from {p}0 k=2*{w},{w}\n"
                 "  conv {p}2 from {p}1\n"
                 "end\n"
                 "use b p=x w=3\n"
                 "use b w=a/2 p=\n"),
      (Lines{"2:conv x1 from x0 k=2*3,3", "3:conv x2 from x1", "2:conv 1 from 0 k=2*a/2,a/2", "3:conv 2 from 1"}));
}

TEST(GraphStatements, BlocksUseEarlierBlocks) {
  EXPECT_EQ(statements("block inner n\n f{n} {n}\nend\n"
                       "block outer n\n use inner n={n}a\n use inner n={n}b\n g {n}\nend\n"
                       "use outer n=z\n"
                       "h\n"),
            (Lines{"2:fza za", "2:fzb zb", "7:g z", "10:h"}));
}

TEST(GraphStatements, ABlockWithoutArguments) {
  EXPECT_EQ(statements("block b\nf x\nend # done\nuse b"), (Lines{"2:f x"}));
}

TEST(GraphStatements, BlockRefusals) {
  EXPECT_EQ(refusal("block b\nf x\n"), "g:1: block 'b': no 'end' to this block");
  EXPECT_EQ(refusal("f\nend\n"), "g:2: 'end' without a block");
  EXPECT_EQ(refusal("block b\nf x\nend now"), "g:3: block 'b': unexpected 'now' after 'end'");
  EXPECT_EQ(refusal("block b\nend"), "g:2: block 'b': the block is empty");
  EXPECT_EQ(refusal("block"), "g:1: a name is missing after 'block'");
  EXPECT_EQ(refusal("block 1b\n"), "g:1: block '1b': not a name (letters, digits, '_' and '.', a letter or '_' first)");
  EXPECT_EQ(refusal("block b\nf x\nend\nblock b\n"), "g:4: block 'b': already defined at line 1");
  EXPECT_EQ(refusal("block b A=1\n"), "g:1: block 'b': bad argument name 'A'");
  EXPECT_EQ(refusal("block b mode\n"), "g:1: block 'b': no argument is called 'mode': {mode} is the mode of the run");
  EXPECT_EQ(refusal("block b p={q}\n"), "g:1: block 'b': '{q}' stands outside a block and a loop");
  EXPECT_EQ(refusal("block b p q p\n"), "g:1: block 'b': argument 'p' twice");
  EXPECT_EQ(refusal("block a\nblock b\n"), "g:2: block 'a': 'block' cannot stand inside a block");
  for (const std::string word : {"model", "param", "input", "output", "loss", "op"}) {
    EXPECT_EQ(refusal("block b\n" + word + " x\n"), "g:2: block 'b': '" + word + "' cannot stand inside a block");
  }
  std::string many = "block b";
  for (int i = 0; i < 65; ++i) many += " a" + std::to_string(i);
  EXPECT_EQ(refusal(many), "g:1: block 'b': more than 64 arguments");
}

TEST(GraphStatements, PlaceholderRefusals) {
  EXPECT_EQ(refusal("block b p\nf {q}x\nend"), "g:2: block 'b': 'q' is no argument of the block");
  EXPECT_EQ(refusal("block b p\nf {}x\nend"), "g:2: block 'b': '' is no argument of the block");
  EXPECT_EQ(refusal("block b p\nf {p\nend"), "g:2: block 'b': unpaired brace in '{p'");
  EXPECT_EQ(refusal("block b p\nf p}\nend"), "g:2: block 'b': unpaired brace in 'p}'");
  EXPECT_EQ(refusal("f {p}\n"), "g:1: '{p}' stands outside a block and a loop");
  EXPECT_EQ(refusal("f {width}\n"), "g:1: '{width}' stands outside a block and a loop");
  EXPECT_EQ(refusal("f {p\n"), "g:1: unpaired brace in '{p'");
  EXPECT_EQ(refusal("f x k={i-1}\n"), "g:1: 'k={i-1}' stands outside a block and a loop");
  EXPECT_EQ(refusal("block b p\nf x\nend\nuse b p={p}"), "g:4: 'p={p}' stands outside a block and a loop");
}

TEST(GraphStatements, UseRefusals) {
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

TEST(GraphStatements, NoRecursion) {
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

TEST(GraphStatements, ExpansionIsLimited) {
  EXPECT_EQ(statements(chain(32, "use b{} a={{a}}")), (Lines{"2:f x"}));
  EXPECT_NE(refusal(chain(33, "use b{} a={{a}}")).find("use 'b0': blocks and composite ops nest deeper than 32"),
            std::string::npos);
  EXPECT_NE(refusal(chain(20, "use b{} a={{a}}{{a}}")).find("the expanded line is longer than 64 kB"),
            std::string::npos);
  EXPECT_NE(refusal(chain(30, "use b{0} a={{a}}\nuse b{0} a={{a}}")).find("the expanded lines are longer than 8 MB"),
            std::string::npos);
}

TEST(GraphStatements, Mode) {
  EXPECT_EQ(statements("param a={mode}\nf x k=batch_{mode}", "train"),
            (Lines{"1:param a=train", "2:f x k=batch_train"}));
  EXPECT_EQ(statements("block b p=is_{mode}\nf {mode}{p}\nend\nuse b\nuse b p={mode}"),
            (Lines{"2:f evalis_eval", "2:f evaleval"}));
  EXPECT_EQ(statements("if {mode}=train f x\nif {mode}!=train f y\n"), (Lines{"2:f y"}));
}

TEST(GraphStatements, DefaultsOfArguments) {
  const std::string block = "block b p q=3 r=\nf {p} k={q} {p}={r}x\nend\n";
  EXPECT_EQ(statements(block + "use b p=a\nuse b p=a q=1,2 r=z"), (Lines{"2:f a k=3 a=x", "2:f a k=1,2 a=zx"}));
  EXPECT_EQ(refusal(block + "use b"), "g:4: use 'b': argument 'p' is missing");
}

TEST(GraphStatements, EmptyKeysOfBlocksAreDropped) {
  const std::string block = "block b p=\nf x from {p}y k={p} {p}=1 l= m=1{p}\nend\n";
  EXPECT_EQ(statements(block + "use b"), (Lines{"2:f x from y =1 m=1"}));
  EXPECT_EQ(statements(block + "use b p=a"), (Lines{"2:f x from ay k=a a=1 m=1a"}));
  EXPECT_EQ(statements("f x k="), (Lines{"1:f x k="}));
  EXPECT_EQ(statements("for i=1..1 f x k="), (Lines{"1:f x k="}));
  EXPECT_EQ(statements("block in p\nf x{p}\nend\nblock b p=\nuse in p={p}\nend\nuse b"), (Lines{"2:f x"}));
}

TEST(GraphStatements, Expressions) {
  EXPECT_EQ(
      statements("block b i w\nf {i-1} {2*i} {i}{i+width} {2*w} {depth} {act} {(i+1)%2}\nend\nuse b i=3 w=width/4"),
      (Lines{"2:f 2 6 351 24 2 elu 0"}));
  EXPECT_EQ(statements("block b width\nf {width} {2*width}\nend\nuse b width=5"), (Lines{"2:f 5 10"}));
  EXPECT_EQ(statements("for i=0..1 f {i+1} {i*width}"), (Lines{"1:f 1 0", "1:f 2 48"}));
  const auto in_block = [](const std::string &token, const std::string &p) {
    return refusal("block b p\nf x {" + token + "}\nend\nuse b p=" + p);
  };
  EXPECT_EQ(in_block("2*q", "1"), "g:2: block 'b': unknown name 'q' in '2*q' (block 'b', used at line 4)");
  EXPECT_EQ(in_block("2*p", "same"),
            "g:2: block 'b': 'p' is 'same', not a number, in '2*p' (block 'b', used at line 4)");
  EXPECT_EQ(in_block("2*p", "act"), "g:2: block 'b': 'p' is 'elu', not a number, in '2*p' (block 'b', used at line 4)");
  EXPECT_EQ(in_block("2*p", ""), "g:2: block 'b': 'p' is '', not a number, in '2*p' (block 'b', used at line 4)");
  EXPECT_EQ(in_block("2*p", "1/0"), "g:2: block 'b': division by zero in '1/0' (block 'b', used at line 4)");
  EXPECT_EQ(in_block("p/3", "4"),
            "g:2: block 'b': 4/3 leaves a remainder (write 4.0/3 for a real quotient) in 'p/3' (block 'b', used at "
            "line 4)");
}

TEST(GraphStatements, If) {
  const auto holds = [](const std::string &condition) { return !statements("if " + condition + " f x").empty(); };
  for (const char *yes :
       {"a=a", "a=b|a", "a!=b", "a!=b|c", "1<2", "2<=2", "3>2", "2>=2", "depth=2", "width/4=12", "act=elu",
        "depth<width", "1,2=1,2", "1.50=3/2.0", "=", "a!=", "=a|", "{mode}=eval", "-1<0"}) {
    EXPECT_TRUE(holds(yes)) << yes;
  }
  for (const char *no : {"a=b", "a=b|c", "a!=b|a", "2<2", "3<=2", "2>2", "1>=2", "depth!=2", "act=relu", "1,2=1", "=a",
                         "a=", "{mode}=train"}) {
    EXPECT_FALSE(holds(no)) << no;
  }
  EXPECT_EQ(statements("block b p=\nif {p}= f no\nif {p}!= f {p}\nif {p}!= if {p}=z g {p}\nend\nuse b\nuse b p=z"),
            (Lines{"2:f no", "3:f z", "4:g z"}));
  EXPECT_EQ(statements("block b\nf x\nend\nif 1=1 use b\nif 1=2 use nothing"), (Lines{"2:f x"}));
}

TEST(GraphStatements, PortsThatSomeSettingsHave) {
  EXPECT_EQ(statements("if act=elu if depth>1 input z [n depth]\nif act=relu input y [n]\nif {mode}=eval output z"),
            (Lines{"1:input z [ n depth ]", "3:output z"}));
}

TEST(GraphStatements, IfRefusals) {
  EXPECT_EQ(refusal("if"), "g:1: 'if' is followed by a condition and a statement");
  EXPECT_EQ(refusal("if a=a"), "g:1: 'if' is followed by a condition and a statement");
  EXPECT_EQ(refusal("if a f x"), "g:1: 'a' is no condition (A=B, A!=B, A<B, A<=B, A>B, A>=B)");
  EXPECT_EQ(refusal("if a!b f x"), "g:1: 'a!b' is no condition (A=B, A!=B, A<B, A<=B, A>B, A>=B)");
  EXPECT_EQ(refusal("if a<1 f x"), "g:1: '<' compares numbers, got 'a'");
  EXPECT_EQ(refusal("if 1>= f x"), "g:1: '>=' compares numbers, got ''");
  EXPECT_EQ(refusal("if a==a f x"), "g:1: unexpected '=' in '=a'");
  EXPECT_EQ(refusal("if 2*z=1 f x"), "g:1: unknown name 'z' in '2*z'");
  EXPECT_EQ(refusal("if 1,=1 f x"), "g:1: a value is missing");
  EXPECT_EQ(refusal("if {p}=1 f x"), "g:1: '{p}' stands outside a block and a loop");
  EXPECT_EQ(refusal("if a=b for i=1..2 input x [n]"), "g:1: 'input' cannot stand after 'if' or 'for'");
  EXPECT_EQ(refusal("if a=b param x=1"), "g:1: 'param' cannot stand after 'if' or 'for'");
  EXPECT_EQ(refusal("if a=b end"), "g:1: 'end' cannot stand after 'if' or 'for'");
  EXPECT_EQ(refusal("block b\nif a=b param x=1\nend"), "g:2: block 'b': 'param' cannot stand inside a block");
  EXPECT_EQ(refusal("block b\nif {q}=b f x\nend"), "g:2: block 'b': 'q' is no argument of the block");
  EXPECT_EQ(refusal("block b w\n{w} a=a f x\nend\nuse b w=if"),
            "g:2: block 'b': 'if' cannot stand inside a block (block 'b', used at line 4)");
  std::string nested;
  for (int i = 0; i < 9; ++i) nested += "if a=a ";
  EXPECT_EQ(refusal(nested + "f x"), "g:1: more than 8 'if' and 'for' in a line");
}

TEST(GraphStatements, For) {
  EXPECT_EQ(statements("for i=1..3 f x{i} from x{i-1} k={2*i}"),
            (Lines{"1:f x1 from x0 k=2", "1:f x2 from x1 k=4", "1:f x3 from x2 k=6"}));
  EXPECT_EQ(statements("for i=2..1 f x{i}\nfor i=-1..depth-2 f x{i}"), (Lines{"2:f x-1", "2:f x0"}));
  EXPECT_EQ(statements("for i=0..2 if {i}!=1 f x{i}"), (Lines{"1:f x0", "1:f x2"}));
  EXPECT_EQ(statements("for i=1..2 for j=1..{i} f x{i}{j}"), (Lines{"1:f x11", "1:f x21", "1:f x22"}));
  EXPECT_EQ(statements("block b n to\nfor i=1..{n} f {to}{i} k={i*n}\nend\nfor j=1..2 use b n={j} to=y{j}"),
            (Lines{"2:f y11 k=1", "2:f y21 k=2", "2:f y22 k=4"}));
  EXPECT_EQ(statements("for i=9223372036854775807..9223372036854775807 f {i}"), (Lines{"1:f 9223372036854775807"}));
  EXPECT_EQ(statements("for i=1..1 f {i}\nfor i=2..2 f {i}"), (Lines{"1:f 1", "2:f 2"}));
}

TEST(GraphStatements, ForRefusals) {
  EXPECT_EQ(refusal("for i=1..2"), "g:1: 'for' is followed by a range and a statement");
  EXPECT_EQ(refusal("for i=1-2 f x"), "g:1: a loop is written 'for i=FIRST..LAST', got 'i=1-2'");
  EXPECT_EQ(refusal("for 1..i=2 f x"), "g:1: a loop is written 'for i=FIRST..LAST', got '1..i=2'");
  EXPECT_EQ(refusal("for I=1..2 f x"), "g:1: bad loop variable 'I'");
  EXPECT_EQ(refusal("for mode=1..2 f x"), "g:1: 'mode' is the mode of the run, not a loop variable");
  EXPECT_EQ(refusal("for i=..2 f x"), "g:1: a value is missing");
  EXPECT_EQ(refusal("for i=1..act f x"), "g:1: the last 'i' is an integer, got 'elu'");
  EXPECT_EQ(refusal("for i=0.5..2 f x"), "g:1: the first 'i' is an integer, got '0.5'");
  EXPECT_EQ(refusal("for i=1..2 output x"), "g:1: 'output' cannot stand after 'if' or 'for'");
  EXPECT_EQ(refusal("for width=1..2 f x"), "g:1: the loop variable 'width' is also a parameter");
  EXPECT_EQ(refusal("for i=1..2 for i=1..2 f x"), "g:1: the loop variable 'i' is also a name of what surrounds it");
  EXPECT_EQ(refusal("block b p\nfor p=1..2 f {p}\nend\nuse b p=1"),
            "g:2: block 'b': the loop variable 'p' is also a name of what surrounds it (block 'b', used at line 4)");
  EXPECT_EQ(refusal("block b\nfor i=1..{i} f x\nend"), "g:2: block 'b': 'i' is no argument of the block");
  EXPECT_EQ(refusal("for i=1..2 f {j}"), "g:1: 'j' is no loop variable and no parameter");
  EXPECT_EQ(refusal("op b from x to y"), "g:1: an op is not defined in a graph file");
}

TEST(GraphStatements, LoopsAreLimited) {
  EXPECT_EQ(statements("for i=1..10000 f x").size(), 10000u);
  EXPECT_EQ(refusal("for i=1..10001 f x"), "g:1: loops repeat more than 10000 times");
  EXPECT_EQ(refusal("for i=-9223372036854775807..9223372036854775807 f x"), "g:1: loops repeat more than 10000 times");
  EXPECT_EQ(refusal("for i=1..9999 if 1=2 f x\nfor i=1..2 f x"), "g:2: loops repeat more than 10000 times");
  EXPECT_EQ(refusal("for i=1..1000 for j=1..1000 if 1=2 f x"), "g:1: loops repeat more than 10000 times");
  const std::string wide(60000, 'x');
  EXPECT_EQ(refusal("for i=1..1000 f " + wide), "g:1: the expanded lines are longer than 8 MB");
  std::string sum = "p";
  for (int i = 0; i < 10000; ++i) sum += "+p";
  std::string ones(30000, '1');
  for (std::size_t i = 1; i < ones.size(); i += 2) ones[i] = '+';
  EXPECT_EQ(refusal("block b p\nf {" + sum + "}\nend\nuse b p=" + ones + "1"),
            "g:2: block 'b': the expanded lines are longer than 8 MB (block 'b', used at line 4)");
}

}  // namespace
}  // namespace sluice
