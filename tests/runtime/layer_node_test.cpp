// SPDX-License-Identifier: Apache-2.0
// Multiply-adds and kernel of a node, of a layer that exists only here.
#include "runtime/layer_node.h"

#include <gtest/gtest.h>

#include "runtime/graph_file.h"
#include "tests/support/message_of.h"

namespace sluice {
namespace {

using testing::message_of;

// A convolution-like layer with two inputs, the second one optional.
KernelTable table_with(const std::string &macs) {
  SchemaPort input, guidance, output;
  input.name = "input";
  guidance.name = "guidance";
  guidance.optional = guidance.whole = true;
  output.name = "output";
  for (SchemaPort *port : {&input, &guidance, &output}) port->axes = {{"c", ""}, {"x", ""}, {"y", ""}, {"n", ""}};
  LayerSchema schema;
  schema.layer = "invented";
  schema.inputs = {input, guidance};
  schema.outputs = {output};
  schema.attributes = {{"kernel", AttributeKind::shape, "", {"kernel_h", "kernel_w"}, {}, {}},
                       {"groups", AttributeKind::groups, "1", {"groups"}, {}, {}}};
  schema.macs = macs;
  KernelTable table;
  table.add_schema(schema);
  table.add({"invented", "forward", "cpu", "symbol", {}, nullptr, nullptr});
  return table;
}

int64_t macs_of(const std::string &macs, const std::string &attributes,
                const std::map<std::string, Extents> &inputs = {{"input", {4, 9, 9, 2}}}) {
  const KernelTable table = table_with(macs);
  const Graph graph =
      parse_graph("model m\ninput x [n 4 h w]\ninvented y from x " + attributes + "\noutput y\n", "m.graph");
  return LayerNode(graph, graph.nodes.at(0), table, "cpu").macs(inputs, {{"output", {6, 5, 7, 2}}});
}

const std::string kConvolution = "kernel_h*kernel_w*input.c*output.c*output.x*output.y*output.n";

// Which forward kernel a node gets once its weights are known, of one for all and one that wants 16 channels.
std::string kernel_of(const std::vector<int64_t> &weight_shape, const std::string &attributes) {
  KernelTable table = table_with("");
  LayerSchema schema = table.schema("invented");
  SchemaPort weight;
  weight.name = "weight";
  weight.axes = {{"kx", "kernel_w"}, {"ky", "kernel_h"}, {"i", "input.c"}, {"o", "channels"}};
  schema.parameters = {weight};
  schema.attributes.push_back({"algorithm", AttributeKind::note, "fastest", {}, {}, {"fastest", "direct"}});
  schema.attributes.push_back({"transform",
                               AttributeKind::derived,
                               "winograd: algorithm=fastest kernel=3 weight.i>=16 weight.o<=9; none:",
                               {},
                               {},
                               {}});
  table.add_schema(schema);
  table.add({"invented", "forward", "cpu", "transformed", {{"transform", "winograd"}}, nullptr, nullptr});
  const Graph graph =
      parse_graph("model m\ninput x [n c h w]\ninvented y from x " + attributes + "\noutput y\n", "m.graph");
  LayerNode layer(graph, graph.nodes.at(0), table, "cpu");
  EXPECT_EQ(layer.kernel("forward").symbol, "symbol");
  layer.infer_from({{"y.weight", StoredTensor::of_f32(weight_shape)}});
  return layer.kernel("forward").symbol;
}

TEST(LayerNodeKernel, MayFollowFromTheWeights) {
  EXPECT_EQ(kernel_of({8, 16, 3, 3}, ""), "transformed");
  EXPECT_EQ(kernel_of({8, 16, 3, 3}, "kernel=3"), "transformed");
  EXPECT_EQ(kernel_of({9, 16, 3, 3}, ""), "transformed");
  EXPECT_EQ(kernel_of({10, 16, 3, 3}, ""), "symbol");
  EXPECT_EQ(kernel_of({8, 15, 3, 3}, ""), "symbol");
  EXPECT_EQ(kernel_of({8, 16, 5, 3}, ""), "symbol");
  EXPECT_EQ(kernel_of({8, 16, 3, 3}, "algorithm=direct"), "symbol");
}

// A table with kernels of two variants, and one made for the node y alone.
std::string variant_kernel_of(const std::string &node, const std::string &shape) {
  KernelTable table = table_with("");
  LayerSchema schema = table.schema("invented");
  schema.attributes.push_back({"shape", AttributeKind::variant, "round", {}, {}, {"round", "square+oblong", "long"}});
  KernelTable own;
  own.add_schema(schema);
  own.add({"invented", "forward", "cpu", "for_y", {{"shape", "round"}, {"node", "y"}}, nullptr, nullptr});
  own.add({"invented", "forward", "cpu", "round", {{"shape", "round"}}, nullptr, nullptr});
  own.add({"invented", "forward", "cpu", "others", {{"shape", "square+oblong"}}, nullptr, nullptr});
  const Graph graph = parse_graph(
      "model m\ninput x [n 4 h w]\ninvented " + node + " from x shape=" + shape + "\noutput " + node + "\n", "m.graph");
  return LayerNode(graph, graph.nodes.at(0), own, "cpu").kernel("forward").symbol;
}

TEST(LayerNodeKernel, MadeForOneNodeIsTakenByItAlone) {
  EXPECT_EQ(variant_kernel_of("y", "round"), "for_y");
  EXPECT_EQ(variant_kernel_of("z", "round"), "round");
  EXPECT_EQ(variant_kernel_of("y", "oblong"), "others");
}

TEST(LayerNodeKernel, WhatIsNotBuiltIsToldWithTheNearest) {
  EXPECT_NE(message_of([] { variant_kernel_of("y", "oblon"); })
                .find("m.graph:3: node 'y': shape=oblon is not built; "
                      "built: round square oblong long; "
                      "did you mean 'oblong'?"),
            std::string::npos);
  const std::string message = message_of([] { variant_kernel_of("y", "long"); });
  EXPECT_NE(message.find("no kernel is built for invented forward on cpu with shape=long"), std::string::npos)
      << message;
  EXPECT_NE(message.find("the nearest has node=y shape=round"), std::string::npos) << message;
}

TEST(LayerNodeMacs, ComeFromAttributesInputsAndOutputs) {
  EXPECT_EQ(macs_of(kConvolution, "kernel=3,2"), 3 * 2 * 4 * 6 * 5 * 7 * 2);
  EXPECT_EQ(macs_of("2*kernel_w", "kernel=3,2"), 4);
}

TEST(LayerNodeMacs, OfGroupsAreThoseOfAllCalls) {
  EXPECT_EQ(macs_of(kConvolution, "kernel=3 groups=2"), 2 * (3 * 3 * 2 * 3 * 5 * 7 * 2));
  EXPECT_EQ(macs_of("guidance.c", "kernel=3 groups=2", {{"input", {4, 1, 1, 1}}, {"guidance", {8, 1, 1, 1}}}), 2 * 8);
}

TEST(LayerNodeMacs, AreNoneWithoutAnExpressionAndForAbsentInputs) {
  EXPECT_EQ(macs_of("", "kernel=3"), 0);
  EXPECT_EQ(macs_of("guidance.c*output.x", "kernel=3"), 0);
}

TEST(LayerNodeMacs, SayWhoseExpressionIsWrong) {
  const std::string message = message_of([] { macs_of("kernel_h*nonsense", "kernel=3"); });
  EXPECT_NE(message.find("node y"), std::string::npos) << message;
  EXPECT_NE(message.find("nonsense"), std::string::npos) << message;
}

}  // namespace
}  // namespace sluice
