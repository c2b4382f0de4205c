// SPDX-License-Identifier: Apache-2.0
// Graphs whose lines are well formed and whose layers cannot be: attributes out of range, wrong ports, sizes beyond any
// memory, weights that do not fit.
#include "runtime/graph_file.h"
#include "runtime/layer_node.h"
#include "runtime/model.h"
#include "tests/hostile/malformed.h"

namespace sluice::hostile {
namespace {

// The ports and attributes of a convolution; nothing is computed here.
KernelTable table_of_convolution() {
  SchemaPort input, output, weight;
  input.name = "input";
  output.name = "output";
  weight.name = "weight";
  for (SchemaPort *port : {&input, &output}) port->axes = {{"c", ""}, {"x", ""}, {"y", ""}, {"n", ""}};
  weight.axes = {{"x", "kernel_w"}, {"y", "kernel_h"}, {"i", "input.c/groups"}, {"o", "channels"}};
  LayerSchema schema;
  schema.layer = "convolution";
  schema.inputs = {input};
  schema.outputs = {output};
  schema.parameters = {weight};
  schema.attributes = {{"kernel", AttributeKind::shape, "", {"kernel_h", "kernel_w"}, {}, {}},
                       {"channels", AttributeKind::shape, "", {"channels"}, {}, {}},
                       {"stride", AttributeKind::integer, "1", {"stride_h", "stride_w"}, {}, {}},
                       {"dilation", AttributeKind::integer, "1", {"dilation_h", "dilation_w"}, {}, {}},
                       {"padding", AttributeKind::integer, "0", {"padding_h", "padding_w"}, {{"same", "same"}}, {}},
                       {"groups", AttributeKind::groups, "1", {"groups"}, {}, {}},
                       {"eps", AttributeKind::real, "0.00001", {"eps"}, {}, {}},
                       {"activation", AttributeKind::variant, "none", {}, {}, {"none+relu", "elu"}}};
  KernelTable table;
  table.add_schema(schema);
  table.add({"convolution", "forward", "cpu", "symbol", {}, nullptr, nullptr});
  return table;
}

std::string refusal_of(const std::string &line, ErrorCode code) {
  static const KernelTable table = table_of_convolution();
  const Graph graph = parse_graph("model m\ninput x [n 4 h w]\n" + line + "\noutput y\n", "g");
  try {
    const LayerNode layer(graph, graph.nodes.at(0), table, "cpu");
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), code) << line;
    return error.what();
  }
  return "nothing";
}

const Pairs kAttributes = {
    {"groups=0", "attribute 'groups' is 1 to 1048576, got 0"},
    {"groups=-1", "attribute 'groups' is 1 to 1048576, got -1"},
    {"groups=2147483648", "attribute 'groups' is 1 to 1048576, got 2147483648"},
    {"groups=1.5", "attribute 'groups' expects a whole number, got '1.5'"},
    {"groups=many", "attribute 'groups' expects a whole number, got 'many'"},
    {"groups=1,2", "attribute 'groups' takes 1 or 1 values (groups), got '1,2'"},
    {"stride=0", "attribute 'stride' is 1 to 1048576, got 0"},
    {"stride=-1", "attribute 'stride' is 1 to 1048576, got -1"},
    {"stride=2147483648", "attribute 'stride' is 1 to 1048576, got 2147483648"},
    {"stride=1,0", "attribute 'stride' is 1 to 1048576, got 0"},
    {"stride=1,1,1", "attribute 'stride' takes 1 or 2 values (stride_h,stride_w), got '1,1,1'"},
    {"stride=0.5", "attribute 'stride' expects a whole number, got '0.5'"},
    {"dilation=0", "attribute 'dilation' is 1 to 1048576, got 0"},
    {"dilation=-2", "attribute 'dilation' is 1 to 1048576, got -2"},
    {"dilation=2147483648", "attribute 'dilation' is 1 to 1048576, got 2147483648"},
    {"dilation=9223372036854775807", "attribute 'dilation' is 1 to 1048576, got 9223372036854775807"},
    {"kernel=0", "attribute 'kernel' is 1 to 1048576, got 0"},
    {"kernel=-3", "attribute 'kernel' is 1 to 1048576, got -3"},
    {"kernel=2147483648", "attribute 'kernel' is 1 to 1048576, got 2147483648"},
    {"kernel=3,3,3", "attribute 'kernel' takes 1 or 2 values (kernel_h,kernel_w), got '3,3,3'"},
    {"kernel=big", "attribute 'kernel' expects a whole number, got 'big'"},
    {"channels=0", "attribute 'channels' is 1 to 1048576, got 0"},
    {"channels=-8", "attribute 'channels' is 1 to 1048576, got -8"},
    {"channels=9999999999", "attribute 'channels' is 1 to 1048576, got 9999999999"},
    {"padding=-1", "attribute 'padding' is 0 to 1048576, got -1"},
    {"padding=2147483648", "attribute 'padding' is 0 to 1048576, got 2147483648"},
    {"padding=valid", "attribute 'padding' expects a whole number, got 'valid'"},
    {"eps=-1", "attribute 'eps' is 0 to 1048576, got -1"},
    {"eps=tiny", "attribute 'eps' expects a number, got 'tiny'"},
    {"activation=swish", "activation=swish is not built; built: none relu elu"},
    {"activation=0", "activation=0 is not built; built: none relu elu"},
    {"colour=red",
     "convolution has no attribute 'colour'; it has: kernel channels stride dilation padding groups eps activation"},
    {"weight=3",
     "convolution has no attribute 'weight'; it has: kernel channels stride dilation padding groups eps activation"},
};

TEST(HostileLayers, ImpossibleAttributesAreRefused) {
  EXPECT_EQ(refusal_of("convolution y from x kernel=3 channels=8 padding=same activation=elu", ErrorCode::bad_file),
            "nothing");
  for (const auto &[keys, reason] : kAttributes) {
    const bool is_unbuilt = std::string(keys).starts_with("activation=");
    const std::string line = std::string("convolution y from x ") + keys;
    EXPECT_EQ(refusal_of(line, is_unbuilt ? ErrorCode::not_found : ErrorCode::bad_file),
              std::string("g:3: node 'y': ") + reason)
        << keys;
  }
  EXPECT_EQ(refusal_of("convolution y from x,x", ErrorCode::bad_file),
            "g:3: node 'y': convolution reads 1 and makes 1 tensors, got 2 and 1");
  EXPECT_EQ(refusal_of("convolution y from x to y,z", ErrorCode::bad_file),
            "g:3: node 'y': convolution reads 1 and makes 1 tensors, got 1 and 2");
  std::printf("malformed layers: %zu nodes, each refused with its text\n", kAttributes.size() + 2);
}

std::string run_refusal(const std::string &lines) {
  const Model model(parse_graph("model m\ninput a [1 1 h w]\n" + lines + "\n", "g"), {});
  try {
    model.run({{"a", StoredTensor::of_f32({1, 1, 2, 2})}});
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::input_failed);
    return error.what();
  }
  return "nothing";
}

// A constant input is made by the runner: its size is the graph's word alone.
TEST(HostileLayers, TensorsBeyondAnyMemoryAreRefused) {
  EXPECT_EQ(run_refusal("input big [16777216 16777216 256 256] value=1\nconcat y from a,a\nconcat z from big,big\n"
                        "output y\noutput z"),
            "tensor 'big' would have 16777216 x 256 x 256 x 16777216 elements, more than any memory holds");
  EXPECT_EQ(run_refusal("input big [1 16777216 65536 w] value=1\nconcat y from a,a\nslice z from big channels=1\n"
                        "output y\noutput z"),
            "tensor 'big' would have 1 x 65536 x 2 x 16777216 elements, more than any memory holds");
  EXPECT_EQ(run_refusal("reshape y from a shape=16777216,16777216,16777216,-1\noutput y"),
            "model m, node y: shape=16777216,16777216,16777216,-1 is too large");
  EXPECT_EQ(run_refusal("reshape y from a shape=3,-1\noutput y"),
            "model m, node y: shape=3,-1 has not the 4 elements of [1, 1, 2, 2]");
  EXPECT_EQ(run_refusal("slice y from a first=1 channels=1\noutput y"),
            "model m, node y: channels 1 to 1 of a tensor that has 1");
}

}  // namespace
}  // namespace sluice::hostile
