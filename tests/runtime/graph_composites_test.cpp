// SPDX-License-Identifier: Apache-2.0
// Ops made of other ops: which definition is taken, what its names stand for, and the message of every refusal.
#include "runtime/graph_composites.h"

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/graph_file.h"
#include "tests/weights_io/support.h"

namespace sluice {
namespace {

using test::message_of;
using Lines = std::vector<std::string>;

// `text` is the file pair.graph; the nodes stand from line 5 on.
Graph graph(const std::string &text, const std::string &nodes, const std::string &mode = "eval") {
  const std::map<std::string, std::string> composites{{"pair", text}};
  const ParseOptions options{.overrides = {}, .mode = mode, .composites = &composites};
  return parse_graph("model m\nparam width=48\nparam word=width\ninput x [n 3 h w]\n" + nodes + "\noutput x\n", "g",
                     options);
}

// The nodes as "op name from inputs to outputs weights=... key=...", without what is as it is by default.
Lines nodes(const std::string &text, const std::string &lines, const std::string &mode = "eval") {
  Lines result;
  for (const Node &node : graph(text, lines, mode).nodes) {
    std::string line = fmt::format("{} {} from {}", node.op, node.name, fmt::join(node.inputs, ","));
    if (node.outputs != Lines{node.name}) line += fmt::format(" to {}", fmt::join(node.outputs, ","));
    if (node.weights != node.name + ".") line += " weights=" + node.weights;
    for (const auto &[key, value] : node.attributes) line += " " + key + "=" + value.text();
    result.push_back(line);
  }
  return result;
}

std::string refusal(const std::string &text, const std::string &lines) {
  return message_of(ErrorCode::bad_file, [&] { graph(text, lines); });
}

const char *const kPair =
    "op pair from input,beta? to output kernel stride=1 norm=\n"
    "  smooth {node}.1 from {input} kernel={kernel} weights={weights}first. norm={norm}\n"
    "  if {beta}!= blend {node}.2 from {node}.1,{beta} to {output} stride={2*stride}\n"
    "  if {beta}=  sharpen {node}.2 from {node}.1 to {output} {attributes}\n"
    "end\n";

TEST(GraphComposites, IsExpandedInPlace) {
  EXPECT_EQ(nodes(kPair, "pair y from x kernel=width/16\nsmooth z from y"),
            (Lines{"smooth y.1 from x weights=y.first. kernel=3", "sharpen y.2 from y.1 to y", "smooth z from y"}));
  EXPECT_EQ(nodes(kPair, "pair y from x,x to z kernel=3 stride=2 norm=batch_{mode} weights=net.0.", "train"),
            (Lines{"smooth y.1 from x weights=net.0.first. kernel=3 norm=batch_train",
                   "blend y.2 from y.1,x to z stride=4"}));
  const Graph g = graph(kPair, "\n\npair y from x kernel=3");
  EXPECT_EQ(g.nodes[0].line, 7);
  EXPECT_EQ(g.nodes[1].line, 7);
}

TEST(GraphComposites, OtherAttributesGoOn) {
  EXPECT_EQ(
      nodes(kPair, "pair y from x kernel=1 slope=1/4.0 act=elu pad=1,2"),
      (Lines{"smooth y.1 from x weights=y.first. kernel=1", "sharpen y.2 from y.1 to y act=elu pad=1,2 slope=0.25"}));
  const std::string closed = "op pair from a to b kernel stride=1\nsmooth {node}.1 from {a} to {b} k={kernel}\nend\n";
  EXPECT_EQ(refusal(closed, "pair y from x kernal=3 kernel=2"),
            "g:5: node 'y': unknown attribute 'kernal'; known: kernel, stride");
}

TEST(GraphComposites, RenameIsForLayers) {
  EXPECT_EQ(refusal(kPair, "pair y from x kernel=3 rename=weight:a"),
            "g:5: node 'y': pair is made of other ops: rename says nothing to them");
  const Graph g =
      graph("op pair from a to b\nf {node} from {a} to {b} rename=weight:{node}_weight\nend\n", "pair y from x");
  EXPECT_EQ(g.nodes[0].renamed.at("weight"), "y_weight");
}

// Values are evaluated once, where the graph gives them; the definition does not see the graph's parameters.
TEST(GraphComposites, ValuesAreEvaluatedOnce) {
  const std::string text =
      "op pair from a to b k l=width m=2*3\nf {node} from {a} to {b} k={k} l={l} m={m} n=width\nend\n";
  EXPECT_EQ(nodes(text, "pair y from x k=word,2*width"), (Lines{"f y from x k=48,96 l=width m=6 n=width"}));
  EXPECT_EQ(nodes("op pair from a to b\nf {node} from {a} to {b} k=word\nend\n", "pair y from x"),
            (Lines{"f y from x k=word"}));
  EXPECT_EQ(refusal("op pair from a to b\nf {node} from {a} k={width}\nend\n", "pair y from x"),
            "pair.graph:2: op 'pair': 'width' is no port or attribute of the op");
  EXPECT_EQ(refusal("op pair from a to b\nf {node} from {a} k={2*width}\nend\n", "pair y from x"),
            "g:5: op 'pair': unknown name 'width' in '2*width' (composite 'pair', line 2)");
}

TEST(GraphComposites, When) {
  const std::string text =
      "op pair when norm=batch_train|group from a to b norm\nf {node} from {a} to {b} norm={norm}\nend\n"
      "op pair when kind=simple from a to b kind=simple\ng {node} from {a} to {b} {attributes}\nend\n"
      "op smooth when norm=group from input to output norm\n"
      "  smooth {node}.sum from {input} norm=none {attributes}\n"
      "  group {node} from {node}.sum to {output} weights={weights}norm_\n"
      "end\n";
  EXPECT_EQ(nodes(text, "pair y from x norm=batch_{mode}", "train"), (Lines{"f y from x norm=batch_train"}));
  EXPECT_EQ(nodes(text, "pair y from x norm=group"), (Lines{"f y from x norm=group"}));
  EXPECT_EQ(nodes(text, "pair y from x norm=none"), (Lines{"g y from x norm=none"}));
  EXPECT_EQ(nodes(text, "pair y from x kind=other"), (Lines{"pair y from x kind=other"}));
  EXPECT_EQ(
      nodes(text, "smooth y from x norm=group k=3\nsmooth z from y norm=none"),
      (Lines{"smooth y.sum from x k=3 norm=none", "group y from y.sum weights=y.norm_", "smooth z from y norm=none"}));
}

// Several conditions hold together; what the model is loaded for is one, for nodes that keep their parameters' names.
TEST(GraphComposites, WhenForTraining) {
  const std::map<std::string, std::string> texts{
      {"pair",
       "op pair when purpose=training,norm=none from a to b norm=none\nf {node} from {a} to {b} "
       "rename=weight:{node}_w+{node}_v\nend\n"}};
  const auto made = [&](const std::string &line, const std::string &purpose) {
    ParseOptions options;
    options.composites = &texts;
    options.purpose = purpose;
    return parse_graph("model m\ninput x [n 1 h w]\n" + line + "\noutput y\n", "g", options).nodes.at(0);
  };
  EXPECT_EQ(made("pair y from x", "training").op, "f");
  EXPECT_EQ(made("pair y from x", "training").renamed.at("weight"), "y_w+y_v");
  EXPECT_EQ(made("pair y from x", "inference").op, "pair");
  EXPECT_EQ(made("pair y from x norm=group", "training").op, "pair");
  EXPECT_EQ(made("pair y from x rename=weight:own", "training").op, "pair");
}

// A definition that says rename={rename} hands on the node's names of parameters, where it has some.
TEST(GraphComposites, RenamedParametersAreHandedOn) {
  const std::string text =
      "op pair when kind=simple from a to b kind=simple\nf {node} from {a} to {b} weights={weights} "
      "rename={rename}\nend\n";
  using Names = std::map<std::string, std::string>;
  EXPECT_EQ(nodes(text, "pair y from x weights=p. rename=bias:b,weight:own"), (Lines{"f y from x weights=p."}));
  EXPECT_EQ(graph(text, "pair y from x rename=bias:b,weight:own").nodes.at(0).renamed,
            (Names{{"bias", "b"}, {"weight", "own"}}));
  EXPECT_TRUE(graph(text, "pair y from x").nodes.at(0).renamed.empty());
}

TEST(GraphComposites, InBlocksAndLoopsAndEachOther) {
  EXPECT_EQ(
      nodes("block half from to\nf {to} from {from} weights={to}_\nend\n"
            "op pair from a to b count=2\n"
            "use half from={a} to={node}.0\n"
            "for i=1..{count} use half from={node}.{i-1} to={node}.{i}\n"
            "concat {node}.all from {node}.0,{node}.{count} to {b}\n"
            "end\n"
            "op twice from a to b\npair {node}.p from {a} count=1\npair {node} from {node}.p to {b} count=0\nend\n",
            "block line to\ntwice {to} from x\nend\nfor i=1..1 use line to=y{i}"),
      (Lines{"f y1.p.0 from x weights=y1.p.0_", "f y1.p.1 from y1.p.0 weights=y1.p.1_",
             "concat y1.p.all from y1.p.0,y1.p.1 to y1.p", "f y1.0 from y1.p weights=y1.0_",
             "concat y1.all from y1.0,y1.0 to y1"}));
}

TEST(GraphComposites, SeveralOutputs) {
  const std::string text = "op pair from a to out,mask\nsplit {node} from {a} to {out},{mask}\nend\n";
  EXPECT_EQ(nodes(text, "pair y from x to z,m"), (Lines{"split y from x to z,m"}));
  EXPECT_EQ(refusal(text, "pair y from x"), "g:5: node 'y': pair makes out,mask; 1 given");
}

TEST(GraphComposites, LossMayBeAnOp) {
  const std::map<std::string, std::string> composites{
      {"loss", "op loss when kind=one from a,b? to c kind\nf {node} from {a} to {c}\nend\n"}};
  const ParseOptions options{.overrides = {}, .mode = "train", .composites = &composites};
  const std::string head = "model m\ninput x [n]\n", tail = "\noutput x\n";
  const Graph g = parse_graph(head + "loss y from x kind=one\nloss raw y weight=1" + tail, "g", options);
  EXPECT_EQ(g.nodes.at(0).op, "f");
  EXPECT_EQ(g.losses, (Lines{"loss raw y weight=1"}));
  EXPECT_EQ(message_of(ErrorCode::bad_file, [&] { parse_graph(head + "loss y from x kind=2" + tail, "g", options); }),
            "g:3: node 'y': no definition of loss has these attributes");
}

TEST(GraphComposites, NodeRefusals) {
  EXPECT_EQ(refusal(kPair, "pair y from x"), "g:5: node 'y': attribute 'kernel' is missing");
  EXPECT_EQ(refusal(kPair, "pair y from x,x,x kernel=1"), "g:5: node 'y': pair reads input,beta?; 3 given");
  EXPECT_EQ(refusal(kPair, "pair y from x kernel=1/0"), "g:5: node 'y': division by zero in '1/0'");
  EXPECT_EQ(refusal(kPair, "pair y from x kernel="), "g:5: node 'y': a value of 'kernel' is missing");
  EXPECT_EQ(refusal(kPair, "pair y from x kernel=1 weights=net"),
            "g:5: node 'y': weights is the beginning of a name, up to a '.' or '_', got 'net'");
  EXPECT_EQ(refusal(kPair, "pair y from x kernel=1\npair y from x to z kernel=1"),
            "g:6: node 'y': a node of this name is already at line 5");
  EXPECT_EQ(refusal(kPair, "pair y from z kernel=1"),
            "g:5: node 'y.1': no input and no node produces tensor 'z' (composite 'pair', line 2)");
  EXPECT_EQ(refusal(kPair, "pair y from x kernel=1 kernel=1"), "g:5: node 'y': 'kernel' twice");
}

TEST(GraphComposites, TrailOfErrors) {
  EXPECT_EQ(refusal(kPair, "pair y from x,x kernel=1 stride=same"),
            "g:5: op 'pair': 'stride' is 'same', not a number, in '2*stride' (composite 'pair', line 3)");
  EXPECT_EQ(refusal(kPair, "block b\npair y from x,x kernel=1 stride=same\nend\nuse b"),
            "g:6: op 'pair': 'stride' is 'same', not a number, in '2*stride' (composite 'pair', line 3) (block 'b', "
            "used at line 8)");
  EXPECT_EQ(refusal("block h\nf x from x k=1/0\nend\nop other from a to b\nuse h\nend\n"
                    "op pair from a to b\nother {node} from {a}\nend\n",
                    "pair y from x"),
            "g:5: node 'x': division by zero in '1/0' (composite 'other', line 2) (block 'h', used at line 5) "
            "(composite 'pair', line 8)");
  EXPECT_EQ(refusal("op pair from a to b\nuse line\nend\n", "block line\nf y from x\nend\npair y from x"),
            "g:8: use 'line': no such block above this line (composite 'pair', line 2)");
  EXPECT_EQ(refusal("op pair from a to b\npair {node} from {a}\nend\n", "pair y from x").substr(0, 60),
            "g:5: node 'y': blocks and composite ops nest deeper than 32 ");
}

TEST(GraphComposites, DefinitionRefusals) {
  const auto text = [](const std::string &lines) { return refusal(lines, "f y from x"); };
  EXPECT_EQ(text("f y from x"), "pair.graph:1: only blocks and ops stand here");
  EXPECT_EQ(text("op pair from a to b\nf x from y\n"), "pair.graph:1: op 'pair': no 'end' to this op");
  EXPECT_EQ(text("op pair from a to b\nend"), "pair.graph:2: op 'pair': the op is empty");
  EXPECT_EQ(text("op"), "pair.graph:1: a name is missing after 'op'");
  for (const char *name : {"Pair", "if", "model", "from"}) {
    EXPECT_EQ(text(fmt::format("op {} from a to b", name)),
              fmt::format("pair.graph:1: op '{}': not a name for an op", name));
  }
  EXPECT_EQ(text("op pair to b"),
            "pair.graph:1: op 'pair': 'from' and the names of what it reads are expected after the name");
  EXPECT_EQ(text("op pair from a k"),
            "pair.graph:1: op 'pair': 'to' and the names of what it makes are expected after 'from'");
  EXPECT_EQ(text("op pair when k from a to b"),
            "pair.graph:1: op 'pair': 'when' is followed by attribute=value|value,attribute=value, got 'k'");
  EXPECT_EQ(text("op pair from a?,b to c"), "pair.graph:1: op 'pair': port 'b' stands behind an optional one");
  EXPECT_EQ(text("op pair from a,,b to c"), "pair.graph:1: op 'pair': bad port name ''");
  EXPECT_EQ(text("op pair from a to a"), "pair.graph:1: op 'pair': port 'a' twice");
  EXPECT_EQ(text("op pair from a to b b=1"), "pair.graph:1: op 'pair': attribute 'b' twice");
  EXPECT_EQ(text("op pair from a to b node"), "pair.graph:1: op 'pair': attribute 'node' twice");
  EXPECT_EQ(text("op pair from a to b mode"),
            "pair.graph:1: op 'pair': no attribute is called 'mode': {mode} is the mode of the run");
  EXPECT_EQ(text("op pair from a to b k=1/0\nf {b} from {a}\nend"),
            "pair.graph:1: op 'pair': division by zero in '1/0'");
  EXPECT_EQ(text("op pair from a to b\nf {b} from {a} k={k}\nend"),
            "pair.graph:2: op 'pair': 'k' is no port or attribute of the op");
  EXPECT_EQ(text("op pair from a to b\nf {b} from {a} k={attributes}\nend"),
            "pair.graph:2: op 'pair': {attributes} stands by itself, got 'k={attributes}'");
  EXPECT_EQ(text("op pair from a to b\ninput x [n]\nend"),
            "pair.graph:2: op 'pair': 'input' cannot stand inside an op");
  const std::map<std::string, std::string> both{{"one", "op f from a to b\ng {b} from {a}\nend"},
                                                {"two", "op f from a to b\ng {b} from {a}\nend"}};
  EXPECT_EQ(message_of(ErrorCode::bad_file, [&] { GraphComposites(&both, "eval"); }),
            "two.graph:1: op 'f': already defined in another file");
}

}  // namespace
}  // namespace sluice
