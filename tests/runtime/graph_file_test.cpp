// SPDX-License-Identifier: Apache-2.0
// Graph files: what every statement becomes, overrides, and the message of every refusal.
#include "runtime/graph_file.h"

#include <gtest/gtest.h>

#include "tests/weights_io/support.h"

namespace sluice {
namespace {

using test::message_of;
using Words = std::vector<std::string>;

constexpr const char *kHead = "model m\nparam width=48\ninput x [n 3 h w]\n";  // three lines
constexpr const char *kTail = "output y [n 3 h w]\n";

// A graph with these lines, from line 4 on, between a head with input x and an output y.
std::string with(const std::string &lines) { return kHead + lines + "\n" + kTail; }

std::string refusal(const std::string &text, const std::map<std::string, std::string> &overrides = {},
                    ErrorCode code = ErrorCode::bad_file) {
  return message_of(code, [&] { parse_graph(text, "g", overrides); });
}

Node node(const std::string &line) { return parse_graph(with(line), "g").nodes.at(0); }

// The value of `k=...` of a node, as text.
std::string attribute(const std::string &text) { return node("smooth y from x k=" + text).attributes.at("k").text(); }

TEST(GraphFile, Whole) {
  const Graph g = parse_graph(
      "# a model\n"
      "model small multiple=8\n"
      "param width=48   # channels\n"
      "input image [n 3 h w] scale=1/127.5 offset=-1 order=bgr pad=edge\n"
      "input ones [n 1 h w] value=1\n"
      "smooth a from image kernel=5 channels=width/2 padding=same\n"
      "split b from a,ones to b1,b2\n"
      "concat c from b1,b2\n"
      "loss l1 c  weight=1\n"
      "output picture from c [n 2*width h w] scale=127.5 offset=127.5\n"
      "output a\n",
      "small.graph");
  EXPECT_EQ(g.file, "small.graph");
  EXPECT_EQ(g.model, "small");
  EXPECT_EQ(g.multiple, 8);
  EXPECT_EQ(g.parameters, (std::map<std::string, std::string>{{"width", "48"}}));
  ASSERT_EQ(g.inputs.size(), 2u);
  EXPECT_EQ(g.inputs[0].name, "image");
  EXPECT_EQ(g.inputs[0].line, 4);
  EXPECT_EQ(g.inputs[0].scale, static_cast<float>(1 / 127.5));
  EXPECT_EQ(g.inputs[0].offset, -1);
  EXPECT_EQ(g.inputs[0].order, "bgr");
  EXPECT_EQ(g.inputs[0].pad, "edge");
  EXPECT_FALSE(g.inputs[0].value);
  EXPECT_EQ(g.inputs[1].value, 1.0f);
  EXPECT_EQ(g.inputs[1].pad, "zero");
  ASSERT_EQ(g.nodes.size(), 3u);
  EXPECT_EQ(g.nodes[0].op, "smooth");
  EXPECT_EQ(g.nodes[0].name, "a");
  EXPECT_EQ(g.nodes[0].line, 6);
  EXPECT_EQ(g.nodes[0].inputs, (Words{"image"}));
  EXPECT_EQ(g.nodes[0].outputs, (Words{"a"}));
  EXPECT_EQ(g.nodes[0].attributes.at("channels").text(), "24");
  EXPECT_EQ(g.nodes[0].attributes.at("padding").text(), "same");
  EXPECT_EQ(g.nodes[1].inputs, (Words{"a", "ones"}));
  EXPECT_EQ(g.nodes[1].outputs, (Words{"b1", "b2"}));
  EXPECT_EQ(g.losses, (Words{"loss l1 c  weight=1"}));
  ASSERT_EQ(g.outputs.size(), 2u);
  EXPECT_EQ(g.outputs[0].name, "picture");
  EXPECT_EQ(g.outputs[0].from, "c");
  EXPECT_EQ(g.outputs[0].shape[1].extent, 96);
  EXPECT_EQ(g.outputs[0].scale, 127.5f);
  EXPECT_EQ(g.outputs[0].line, 10);
  EXPECT_EQ(g.outputs[1].from, "a");
  EXPECT_TRUE(g.outputs[1].shape.empty());
}

TEST(GraphFile, WeightsAndMode) {
  EXPECT_EQ(node("f y from x").weights, "y.");
  EXPECT_EQ(node("f y from x weights=0.width-b_").weights, "0.width-b_");
  EXPECT_TRUE(node("f y from x weights=net.").attributes.empty());
  EXPECT_EQ(node("f y from x k=batch_{mode}").attributes.at("k").text(), "batch_eval");
  const ParseOptions options{.overrides = {{"width", "8"}}, .mode = "train"}, bad{.overrides = {}, .mode = "test"};
  const Graph train = parse_graph(with("f y from x k=batch_{mode}"), "g", options);
  EXPECT_EQ(train.nodes[0].attributes.at("k").text(), "batch_train");
  EXPECT_EQ(train.parameters.at("width"), "8");
  EXPECT_EQ(message_of(ErrorCode::usage, [&] { parse_graph("", "g", bad); }), "g: mode is eval or train, got 'test'");
  EXPECT_EQ(refusal(with("f y from x weights=")), "g:4: node 'y': a value of 'weights' is missing");
  for (const char *prefix : {"net", "a/b.", "a,b_"}) {
    EXPECT_EQ(
        refusal(with(std::string("f y from x weights=") + prefix)),
        std::string("g:4: node 'y': weights is the beginning of a name, up to a '.' or '_', got '") + prefix + "'");
  }
}

TEST(GraphFile, RenamedPorts) {
  const Node renamed = node("f y from x weights=net. rename=weight:norm1_weight,running_mean:running_mean1");
  EXPECT_EQ(renamed.renamed,
            (std::map<std::string, std::string>{{"weight", "norm1_weight"}, {"running_mean", "running_mean1"}}));
  EXPECT_TRUE(renamed.attributes.empty());
  EXPECT_TRUE(node("f y from x rename=").renamed.empty());  // what a definition's {rename} may be
  for (const char *text : {"weight", "weight:", ":name", "weight:a,", "weight:a:b", "weight:2*a"}) {
    EXPECT_EQ(refusal(with(std::string("f y from x rename=") + text)),
              std::string("g:4: node 'y': rename is port:name,port:name+name, got '") + text + "'");
  }
  EXPECT_EQ(refusal(with("f y from x rename=weight:a,weight:b")), "g:4: node 'y': 'weight' is renamed twice");
  EXPECT_EQ(refusal(with("concat y from x,x rename=weight:a")),
            "g:4: node 'y': concat joins channels: it has one output and no keys");
  EXPECT_NE(refusal(with("slice y from x channels=1 rename=weight:a")).find("'rename'"), std::string::npos);
}

TEST(GraphFile, Ranges) {
  const Graph g =
      parse_graph("model m\nparam classes=10\ninput label [n] range=0,classes-1\nf y from label\noutput y", "g");
  EXPECT_EQ(g.inputs[0].range, (std::pair<int64_t, int64_t>{0, 9}));
  EXPECT_FALSE(parse_graph(with("f y from x"), "g").inputs[0].range);
  EXPECT_EQ(refusal("input i [n] range=3"), "g:1: input 'i': range is FIRST,LAST, got '3'");
  EXPECT_EQ(refusal("input i [n] range=0,"), "g:1: input 'i': a value is missing");
  EXPECT_EQ(refusal("input i [n] range=0,1.5"), "g:1: input 'i': range is two integers, got '0,1.5'");
  EXPECT_EQ(refusal("input i [n] range=2,1"), "g:1: input 'i': range begins with 2, above its end 1");
}

TEST(GraphFile, StructuralOps) {
  const Node all = node("slice y from x channels=width/2"), part = node("slice y from x first=8 channels=4");
  EXPECT_EQ(all.attributes.at("first").text() + " " + all.attributes.at("channels").text(), "0 24");
  EXPECT_EQ(part.attributes.at("first").text() + " " + part.attributes.at("channels").text(), "8 4");
  EXPECT_EQ(node("reshape y from x shape=0,-1,9,0,0").attributes.at("shape").text(), "0,-1,9,0,0");
  const auto of = [](const std::string &line) { return refusal(with(line)).substr(15); };
  EXPECT_EQ(of("slice y from x"), "channels is missing");
  EXPECT_EQ(of("slice y from x,x channels=1"), "slice reads one tensor and makes one");
  EXPECT_EQ(of("slice y from x to a,b channels=1"), "slice reads one tensor and makes one");
  EXPECT_EQ(of("slice y from x channels=0"), "channels of slice is an integer from 1 to 16777216, got '0'");
  EXPECT_EQ(of("slice y from x channels=1,2"), "channels of slice is an integer from 1 to 16777216, got '1,2'");
  EXPECT_EQ(of("slice y from x first=-1 channels=1"), "first of slice is an integer from 0 to 16777216, got '-1'");
  EXPECT_EQ(of("slice y from x axis=1"), "unknown key 'axis'; known: first, channels");
  EXPECT_EQ(of("slice y from x channels=1 weights=a."), "unknown key 'weights'; known: first, channels");
  EXPECT_EQ(of("reshape y from x"), "shape is missing");
  EXPECT_EQ(node("reshape y from x,x shape=0,c,c").attributes.at("shape").text(), "0,c,c");
  EXPECT_EQ(of("reshape y from x,x,x shape=1"), "reshape reads one tensor and makes one");
  EXPECT_EQ(of("reshape y from x shape=0,a"), "shape of reshape is an integer from -1 to 16777216, got 'a'");
  EXPECT_EQ(of("reshape y from x shape=-1,0,-1"), "only one extent is -1, what is left");
  EXPECT_EQ(of("reshape y from x shape=1,1,1,1,1,1,1"), "more than 6 dimensions");
  EXPECT_EQ(of("concat y from x weights=a."), "concat joins channels: it has one output and no keys");
}

TEST(GraphFile, LoopsAndConditions) {
  const Graph g = parse_graph(with("for i=1..3 f y{i} from x channels={i}*width\nif {mode}=eval f y from y3"), "g");
  ASSERT_EQ(g.nodes.size(), 4u);
  EXPECT_EQ(g.nodes[2].name, "y3");
  EXPECT_EQ(g.nodes[2].line, 4);
  EXPECT_EQ(g.nodes[2].attributes.at("channels").text(), "144");
  EXPECT_EQ(refusal(with("for width=1..2 f y{width} from x")), "g:4: the loop variable 'width' is also a parameter");
  EXPECT_EQ(refusal(with("for i=1..2 f y from x")), "g:4: node 'y': a node of this name is already at line 4");
}

TEST(GraphFile, ValuesAreLimited) {
  const std::string word(1000, 'a');
  EXPECT_EQ(refusal("param p=" + word + "a"), "g:1: param 'p': the value is longer than 1000 bytes");
  std::string text = "model m\nparam p=" + word + "\ninput x [n]\nf y from x k=p";
  for (int i = 0; i < 17000; ++i) text += ",p";
  EXPECT_EQ(refusal(text + "\noutput y"), "g:4: node 'y': the nodes take more than 8 MB");
}

TEST(GraphFile, Shapes) {
  const auto shape = [](const std::string &text) {
    std::string result;
    const Graph g = parse_graph("model m\nparam c=4\nparam s=h\ninput i " + text + "\nf y from i\noutput y", "g");
    for (const Dimension &d : g.inputs[0].shape) {
      result += d.symbol.empty() ? std::to_string(d.extent) : d.symbol;
      result += ' ';
    }
    return result;
  };
  EXPECT_EQ(shape("[n 3 h w]"), "n 3 h w ");
  EXPECT_EQ(shape("[ n c 2*c+1 w ]"), "n 4 9 w ");
  EXPECT_EQ(shape("[1 1 s s]"), "1 1 h h ");
  EXPECT_EQ(shape("[n]"), "n ");
  EXPECT_EQ(shape("[n 3 t h w]"), "n 3 t h w ");
}

TEST(GraphFile, AttributeValues) {
  EXPECT_EQ(attribute("3"), "3");
  EXPECT_EQ(attribute("03"), "3");
  EXPECT_EQ(attribute("2*width/3"), "32");
  EXPECT_EQ(attribute("width"), "48");
  EXPECT_EQ(attribute("1,2,width/2,same"), "1,2,24,same");
  EXPECT_EQ(attribute("elu"), "elu");
  EXPECT_EQ(attribute("true"), "true");
  EXPECT_EQ(attribute("0.2"), "0.2");
  EXPECT_EQ(attribute("-1e-3"), "-0.001");
  EXPECT_TRUE(node("smooth y from x").attributes.empty());
}

TEST(GraphFile, AttributeLists) {
  const AttributeValue equal{{"2", "2"}}, different{{"2", "3"}};
  EXPECT_EQ(equal.text(), "2,2");
  EXPECT_EQ(equal.collapse().text(), "2");
  EXPECT_EQ(different.collapse().text(), "2,3");
  EXPECT_EQ(AttributeValue{}.text(), "");
  EXPECT_EQ(AttributeValue{}.collapse().text(), "");
}

TEST(GraphFile, FromAndToInAnyOrder) {
  const Node n = node("f k to y from x");
  EXPECT_EQ(n.inputs, (Words{"x"}));
  EXPECT_EQ(n.outputs, (Words{"y"}));
}

TEST(GraphFile, Blocks) {
  const Graph g = parse_graph(with("block two p w\n"
                                   "  f {p}1 from {p} to {p}.mid channels=2*{w}\n"
                                   "  f {p}2 from {p}.mid\n"
                                   "end\n"
                                   "use two p=x w=width/4\n"
                                   "f y from x2"),
                              "g");
  ASSERT_EQ(g.nodes.size(), 3u);
  EXPECT_EQ(g.nodes[0].name, "x1");
  EXPECT_EQ(g.nodes[0].outputs, (Words{"x.mid"}));
  EXPECT_EQ(g.nodes[0].attributes.at("channels").text(), "24");
  EXPECT_EQ(g.nodes[0].line, 5);
  EXPECT_EQ(g.nodes[1].name, "x2");
}

TEST(GraphFile, ErrorsInBlocksNameBothLines) {
  const std::string block = "block b p\n  f {p} from x k={p}/0\nend\n";
  EXPECT_EQ(refusal(with(block + "use b p=y")), "g:5: node 'y': unknown name 'y' in 'y/0' (block 'b', used at line 7)");
  EXPECT_EQ(refusal(with("block b p\n  f y from {p}\nend\nuse b p=q")),
            "g:5: node 'y': no input and no node produces tensor 'q' (block 'b', used at line 7)");
}

TEST(GraphFile, Overrides) {
  const std::string graph =
      "model m\nparam width=48\nparam half=width/2\nparam act=elu\ninput x [n 3 h w]\n"
      "f y from x channels=half activation=act\noutput y\n";
  const auto y = [&](const std::map<std::string, std::string> &overrides) {
    const Graph g = parse_graph(graph, "g", overrides);
    return g.nodes[0].attributes.at("channels").text() + " " + g.nodes[0].attributes.at("activation").text() + " " +
           g.parameters.at("width");
  };
  EXPECT_EQ(y({}), "24 elu 48");
  EXPECT_EQ(y({{"width", "8"}}), "4 elu 8");
  EXPECT_EQ(y({{"width", "4*4"}, {"act", "relu"}}), "8 relu 16");
  EXPECT_EQ(y({{"half", "width"}}), "48 elu 48");
  EXPECT_EQ(refusal(graph, {{"depth", "1"}}, ErrorCode::usage),
            "g: unknown parameter 'depth'; known: act, half, width");
  EXPECT_EQ(refusal("model m\ninput x [n]\nf y from x\noutput y", {{"d", "1"}}, ErrorCode::usage),
            "g: unknown parameter 'd'; there is none");
  EXPECT_EQ(refusal(graph, {{"width", "wide"}}, ErrorCode::usage),
            "g:2: param 'width': a number is expected, got 'wide'");
  EXPECT_EQ(refusal(graph, {{"width", "8/0"}}, ErrorCode::usage), "g:2: param 'width': division by zero in '8/0'");
  EXPECT_EQ(refusal(graph, {{"width", ""}}, ErrorCode::usage), "g:2: param 'width': a value is missing");
  EXPECT_EQ(refusal(graph, {{"width", "7"}}),
            "g:3: param 'half': 7/2 leaves a remainder (write 7.0/2 for a real quotient) in 'width/2'");
}

TEST(GraphFile, ModelAndParamRefusals) {
  EXPECT_EQ(refusal("model"), "g:1: a name is missing after 'model'");
  EXPECT_EQ(refusal("model a\nmodel b"), "g:2: model 'b': the model is already named 'a'");
  EXPECT_EQ(refusal("model a size=8"), "g:1: model 'a': unknown key 'size'; known: multiple");
  EXPECT_EQ(refusal("model a multiple=0"), "g:1: model 'a': multiple is an integer from 1 to 4096, got '0'");
  EXPECT_EQ(refusal("model a multiple=8.5"), "g:1: model 'a': multiple is an integer from 1 to 4096, got '8.5'");
  EXPECT_EQ(refusal("model a 8"), "g:1: model 'a': unexpected '8', key=value is expected here");
  EXPECT_EQ(refusal("param"), "g:1: a parameter is written 'param NAME=default'");
  EXPECT_EQ(refusal("param a = 1"), "g:1: a parameter is written 'param NAME=default'");
  EXPECT_EQ(refusal("param a="), "g:1: param 'a': the default is missing");
  EXPECT_EQ(refusal("param a"), "g:1: param 'a': the default is missing");
  EXPECT_EQ(refusal("param a=1\nparam a=2"), "g:2: param 'a': already defined");
  EXPECT_EQ(refusal("param a=1,2"), "g:1: param 'a': unexpected ',' in '1,2'");
  EXPECT_EQ(refusal("param a=2*b"), "g:1: param 'a': unknown name 'b' in '2*b'");
  EXPECT_EQ(refusal(with("param late=1")),
            "g:4: param 'late': parameters stand before the first input, node and output");
  EXPECT_EQ(refusal("param a-b=1"),
            "g:1: param 'a-b': not a name (letters, digits, '_' and '.', a letter or '_' first)");
}

TEST(GraphFile, InputRefusals) {
  EXPECT_EQ(refusal("input i"), "g:1: input 'i': a shape such as [n 3 h w] is expected after the name");
  EXPECT_EQ(refusal("input i scale=1 [n]"), "g:1: input 'i': a shape such as [n 3 h w] is expected after the name");
  EXPECT_EQ(refusal("input i [n 3"), "g:1: input 'i': ']' is missing");
  EXPECT_EQ(refusal("input i []"), "g:1: input 'i': the shape is empty");
  EXPECT_EQ(refusal("input i [a b c d e f g]"), "g:1: input 'i': more than 6 dimensions");
  EXPECT_EQ(refusal("input i [n 0]"), "g:1: input 'i': a dimension is an integer from 1 to 16777216, got '0'");
  EXPECT_EQ(refusal("input i [n -1]"), "g:1: input 'i': a dimension is an integer from 1 to 16777216, got '-1'");
  EXPECT_EQ(refusal("input i [n 1.5]"), "g:1: input 'i': a dimension is an integer from 1 to 16777216, got '1.5'");
  EXPECT_EQ(refusal("input i [n 2*h]"), "g:1: input 'i': unknown name 'h' in '2*h'");
  EXPECT_EQ(refusal("input i [n] [m]"), "g:1: input 'i': unexpected '[', key=value is expected here");
  EXPECT_EQ(refusal("input i [n] scal=2"),
            "g:1: input 'i': unknown key 'scal'; known: scale, offset, order, pad, value, range");
  EXPECT_EQ(refusal("input i [n] scale=1 scale=2"), "g:1: input 'i': 'scale' twice");
  EXPECT_EQ(refusal("input i [n] scale=1/255"),
            "g:1: input 'i': 1/255 leaves a remainder (write 1.0/255 for a real quotient) in '1/255'");
  EXPECT_EQ(refusal("input i [n] scale=big"), "g:1: input 'i': scale is a number, got 'big'");
  EXPECT_EQ(refusal("input i [n] scale="), "g:1: input 'i': a value is missing");
  EXPECT_EQ(refusal("input i [n] scale=0"), "g:1: input 'i': scale must not be 0");
  EXPECT_EQ(refusal("input i [n] value=1e39"), "g:1: input 'i': value=1e+39 is too large");
  EXPECT_EQ(refusal("input i [n 3] order=gbr"), "g:1: input 'i': order is rgb or bgr, got 'gbr'");
  EXPECT_EQ(refusal("input i [n 1] order=rgb"), "g:1: input 'i': order=rgb needs 3 channels, got 1");
  EXPECT_EQ(refusal("input i [n] pad=one"), "g:1: input 'i': pad is zero or edge, got 'one'");
  EXPECT_EQ(refusal("input i [n]\ninput i [n]"),
            "g:2: input 'i': tensor 'i' is already produced by input 'i' at line 1");
}

TEST(GraphFile, OutputRefusals) {
  const auto output = [](const std::string &line) {
    return refusal(std::string(kHead) + "f y from x\noutput " + line);
  };
  EXPECT_EQ(output("z"), "g:5: output 'z': no input and no node produces tensor 'z'");
  EXPECT_EQ(output("z from yy"), "g:5: output 'z': no input and no node produces tensor 'yy'");
  EXPECT_EQ(output("z from"), "g:5: output 'z': a tensor is missing after 'from'");
  EXPECT_EQ(output("z from 1"), "g:5: output 'z': bad tensor name '1'");
  EXPECT_EQ(output("y pad=edge"), "g:5: output 'y': unknown key 'pad'; known: scale, offset, order");
  EXPECT_EQ(output("y [n 3 h w] order=up"), "g:5: output 'y': order is rgb or bgr, got 'up'");
  EXPECT_EQ(output("y\noutput y"), "g:6: output 'y': already defined");
  EXPECT_EQ(output(""), "g:5: a name is missing after 'output'");
}

TEST(GraphFile, NodeRefusals) {
  EXPECT_EQ(refusal(with("Smooth y from x")), "g:4: unknown statement 'Smooth'");
  EXPECT_EQ(refusal(with("from y from x")), "g:4: unknown statement 'from'");
  EXPECT_EQ(refusal(with("f")), "g:4: a name is missing after 'f'");
  EXPECT_EQ(refusal(with("f 1y from x")),
            "g:4: node '1y': not a name (letters, digits, '_' and '.', a letter or '_' first)");
  EXPECT_EQ(refusal(with("f y")), "g:4: node 'y': 'from' is missing after the name");
  EXPECT_EQ(refusal(with("f y to z")), "g:4: node 'y': 'from' is missing after the name");
  EXPECT_EQ(refusal(with("f y k=1 from x")), "g:4: node 'y': 'from' is missing after the name");
  EXPECT_EQ(refusal(with("f y from")), "g:4: node 'y': a tensor is missing after 'from'");
  EXPECT_EQ(refusal(with("f y from x to")), "g:4: node 'y': a tensor is missing after 'to'");
  EXPECT_EQ(refusal(with("f y from x from x")), "g:4: node 'y': 'from' twice");
  EXPECT_EQ(refusal(with("f y from x, x")), "g:4: node 'y': an empty name after 'from' (a list has no blanks)");
  EXPECT_EQ(refusal(with("f y from x-1")), "g:4: node 'y': bad tensor name 'x-1' after 'from'");
  EXPECT_EQ(refusal(with("f y from x k")), "g:4: node 'y': unexpected 'k', key=value is expected here");
  EXPECT_EQ(refusal(with("f y from x k=1 k=2")), "g:4: node 'y': 'k' twice");
  EXPECT_EQ(refusal(with("f y from x K=1")), "g:4: node 'y': bad key 'K'");
  EXPECT_EQ(refusal(with("f y from x =1")), "g:4: node 'y': bad key ''");
  EXPECT_EQ(refusal(with("f y from x k=")), "g:4: node 'y': a value of 'k' is missing");
  EXPECT_EQ(refusal(with("f y from x k=1,,2")), "g:4: node 'y': a value of 'k' is missing");
  EXPECT_EQ(refusal(with("f y from x k=3x3")), "g:4: node 'y': bad number '3x3' in '3x3'");
  EXPECT_EQ(refusal(with("f y from x k=width/0")), "g:4: node 'y': division by zero in 'width/0'");
  EXPECT_EQ(refusal(with("f y from x k=a.graph/b")), "g:4: node 'y': unknown name 'a.graph' in 'a.graph/b'");
  EXPECT_EQ(refusal(with("concat y from x axis=1")),
            "g:4: node 'y': concat joins channels: it has one output and no keys");
  EXPECT_EQ(refusal(with("concat y from x to a,b")),
            "g:4: node 'y': concat joins channels: it has one output and no keys");
}

TEST(GraphFile, ChecksAcrossNodes) {
  EXPECT_EQ(refusal(with("f y from x\nf y from x to z")), "g:5: node 'y': a node of this name is already at line 4");
  EXPECT_EQ(refusal(with("f y from x\ng b from x to y")),
            "g:5: node 'b': tensor 'y' is already produced by node 'y' at line 4");
  EXPECT_EQ(refusal(with("f x from x")), "g:4: node 'x': tensor 'x' is already produced by input 'x' at line 3");
  EXPECT_EQ(refusal(with("f y from x to a,a")), "g:4: node 'y': tensor 'a' is already produced by node 'y' at line 4");
  EXPECT_EQ(refusal(with("f conv1 from x\nf y from conv2")),
            "g:5: node 'y': no input and no node produces tensor 'conv2'; did you mean 'conv1'?");
  EXPECT_EQ(refusal(with("f y from y")), "g:4: node 'y': cycle: it reads its own output 'y'");
  EXPECT_EQ(refusal(with("f y from x,b\nf b from y")),
            "g:4: node 'y': cycle or use before definition: tensor 'b' is produced later, by node 'b' at line 5");
  EXPECT_EQ(parse_graph("model m\nf y from x\noutput y\ninput x [n]", "g").nodes.size(), 1u);
}

TEST(GraphFile, EmptyGraphs) {
  EXPECT_EQ(refusal(""), "g: the graph is empty: no node");
  EXPECT_EQ(refusal("model m\ninput x [n]\noutput x"), "g: the graph is empty: no node");
  EXPECT_EQ(refusal("input x [n]\nf y from x\noutput y"), "g: there is no 'model' line");
  EXPECT_EQ(refusal("model m\ninput x [n]\nf y from x"), "g: there is no 'output' line");
  EXPECT_EQ(refusal(with("end")), "g:4: 'end' without a block");
  EXPECT_EQ(refusal("model \xff"), "g:1: the line is not UTF-8 text");
}

TEST(GraphFile, NumberOfNodesIsLimited) {
  std::string text = "model m\ninput x [n]\nblock b i\n";
  for (int i = 0; i < 100; ++i) text += "f y{i}_" + std::to_string(i) + " from x\n";
  text += "end\n";
  for (int i = 0; i < 100; ++i) text += "use b i=" + std::to_string(i) + "\n";
  const std::string output = "output x\n";
  EXPECT_EQ(parse_graph(text + output, "g").nodes.size(), 10000u);
  EXPECT_EQ(refusal(text + "f one from x\n" + output), "g:205: node 'one': more than 10000 nodes");
}

TEST(GraphFile, Files) {
  const test::Folder folder;
  const auto path = folder / "m.graph";
  const auto read = [&](ErrorCode code) { return message_of(code, [&] { read_graph(path); }); };
  EXPECT_NE(read(ErrorCode::not_found).find("m.graph"), std::string::npos);
  const std::string text = with("f y from x channels=width");
  test::put(path, text.data(), text.size());
  EXPECT_EQ(read_graph(path).file, path.string());
  EXPECT_EQ(read_graph(path, {{"width", "8"}}).nodes[0].attributes.at("channels").text(), "8");
  const std::string large((4u << 20) + 1, '\n');
  test::put(path, large.data(), large.size());
  EXPECT_EQ(read(ErrorCode::bad_file), path.string() + ": the file is larger than 4 MB");
  EXPECT_NE(message_of(ErrorCode::bad_file, [&] { read_graph(folder.path()); }).find("not a regular file"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice
