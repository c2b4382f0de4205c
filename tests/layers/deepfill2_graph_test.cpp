// SPDX-License-Identifier: Apache-2.0
// models/deepfill2.graph has exactly the layers of the published DeepFill v2 generator, wired as published.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <tuple>

#include "runtime/expression.h"
#include "runtime/graph_file.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

struct Layer {
  std::string name, from;
  int kernel, stride, dilation, inputs, channels;  // channels: after the gate
  std::string activation;                          // empty: a plain convolution
  bool upsample;
};

// Width 48, from the shapes in the published checkpoint; in the order of our graph.
const std::vector<Layer> kLayers = {
    {"conv1", "x", 5, 1, 1, 5, 24, "elu", false},
    {"conv2_downsample", "conv1", 3, 2, 1, 24, 48, "elu", false},
    {"conv3", "conv2_downsample", 3, 1, 1, 48, 48, "elu", false},
    {"conv4_downsample", "conv3", 3, 2, 1, 48, 96, "elu", false},
    {"conv5", "conv4_downsample", 3, 1, 1, 96, 96, "elu", false},
    {"conv6", "conv5", 3, 1, 1, 96, 96, "elu", false},
    {"conv7_atrous", "conv6", 3, 1, 2, 96, 96, "elu", false},
    {"conv8_atrous", "conv7_atrous", 3, 1, 4, 96, 96, "elu", false},
    {"conv9_atrous", "conv8_atrous", 3, 1, 8, 96, 96, "elu", false},
    {"conv10_atrous", "conv9_atrous", 3, 1, 16, 96, 96, "elu", false},
    {"conv11", "conv10_atrous", 3, 1, 1, 96, 96, "elu", false},
    {"conv12", "conv11", 3, 1, 1, 96, 96, "elu", false},
    {"conv13_upsample", "conv12", 3, 1, 1, 96, 48, "elu", true},
    {"conv14", "conv13_upsample", 3, 1, 1, 48, 48, "elu", false},
    {"conv15_upsample", "conv14", 3, 1, 1, 48, 24, "elu", true},
    {"conv16", "conv15_upsample", 3, 1, 1, 24, 12, "elu", false},
    {"conv17", "conv16", 3, 1, 1, 12, 3, "", false},
    {"pmconv1", "xin", 5, 1, 1, 3, 24, "elu", false},
    {"pmconv2_downsample", "pmconv1", 3, 2, 1, 24, 24, "elu", false},
    {"pmconv3", "pmconv2_downsample", 3, 1, 1, 24, 48, "elu", false},
    {"pmconv4_downsample", "pmconv3", 3, 2, 1, 48, 96, "elu", false},
    {"pmconv5", "pmconv4_downsample", 3, 1, 1, 96, 96, "elu", false},
    {"pmconv6", "pmconv5", 3, 1, 1, 96, 96, "relu", false},
    {"pmconv9", "ca", 3, 1, 1, 96, 96, "elu", false},
    {"pmconv10", "pmconv9", 3, 1, 1, 96, 96, "elu", false},
    {"xconv1", "xin", 5, 1, 1, 3, 24, "elu", false},
    {"xconv2_downsample", "xconv1", 3, 2, 1, 24, 24, "elu", false},
    {"xconv3", "xconv2_downsample", 3, 1, 1, 24, 48, "elu", false},
    {"xconv4_downsample", "xconv3", 3, 2, 1, 48, 48, "elu", false},
    {"xconv5", "xconv4_downsample", 3, 1, 1, 48, 96, "elu", false},
    {"xconv6", "xconv5", 3, 1, 1, 96, 96, "elu", false},
    {"xconv7_atrous", "xconv6", 3, 1, 2, 96, 96, "elu", false},
    {"xconv8_atrous", "xconv7_atrous", 3, 1, 4, 96, 96, "elu", false},
    {"xconv9_atrous", "xconv8_atrous", 3, 1, 8, 96, 96, "elu", false},
    {"xconv10_atrous", "xconv9_atrous", 3, 1, 16, 96, 96, "elu", false},
    {"allconv11", "merged", 3, 1, 1, 192, 96, "elu", false},
    {"allconv12", "allconv11", 3, 1, 1, 96, 96, "elu", false},
    {"allconv13_upsample", "allconv12", 3, 1, 1, 96, 48, "elu", true},
    {"allconv14", "allconv13_upsample", 3, 1, 1, 48, 48, "elu", false},
    {"allconv15_upsample", "allconv14", 3, 1, 1, 48, 24, "elu", true},
    {"allconv16", "allconv15_upsample", 3, 1, 1, 24, 12, "elu", false},
    {"allconv17", "allconv16", 3, 1, 1, 12, 3, "", false},
};

Graph graph(const std::map<std::string, std::string> &overrides = {}) {
  return read_graph(std::string(SLUICE_SOURCE_DIR) + "/models/deepfill2.graph", overrides);
}

std::string attribute(const Node &node, const std::string &key, const std::string &fallback = "") {
  const auto found = node.attributes.find(key);
  return found == node.attributes.end() ? fallback : found->second.text();
}

bool is_convolution(const Node &node) { return node.op == "gated_conv2d" || node.op == "conv2d"; }

std::string line_of(const Node &n) {
  std::string text = n.op + " " + n.name + " from";
  for (const std::string &input : n.inputs) text += " " + input;
  for (const auto &[key, value] : n.attributes) text += " " + key + "=" + value.text();
  return text;
}

TEST(Deepfill2Graph, ConvolutionsAreThePublishedOnes) {
  std::vector<Node> convolutions;
  for (const Node &node : graph().nodes) {
    if (is_convolution(node)) convolutions.push_back(node);
  }
  ASSERT_EQ(convolutions.size(), kLayers.size());
  for (std::size_t i = 0; i < kLayers.size(); ++i) {
    const Node &node = convolutions[i];
    const Layer &layer = kLayers[i];
    SCOPED_TRACE(layer.name);
    EXPECT_EQ(node.name, layer.name);
    EXPECT_EQ(node.op, layer.activation.empty() ? "conv2d" : "gated_conv2d");
    EXPECT_EQ(node.inputs, std::vector<std::string>{layer.from});
    EXPECT_EQ(node.outputs, std::vector<std::string>{layer.name});
    EXPECT_EQ(attribute(node, "kernel"), std::to_string(layer.kernel));
    EXPECT_EQ(attribute(node, "stride", "1"), std::to_string(layer.stride));
    EXPECT_EQ(attribute(node, "dilation", "1"), std::to_string(layer.dilation));
    EXPECT_EQ(attribute(node, "channels"), std::to_string(layer.channels));
    EXPECT_EQ(attribute(node, "activation"), layer.activation);
    EXPECT_EQ(attribute(node, "upsample", "1"), layer.upsample ? "2" : "1");
    EXPECT_EQ(attribute(node, "padding"), "same");
    for (const auto &[key, value] : node.attributes) {
      const std::set<std::string> known = {"kernel",     "stride",   "dilation", "channels",
                                           "activation", "upsample", "padding"};
      EXPECT_TRUE(known.contains(key)) << key;
    }
  }
}

TEST(Deepfill2Graph, EverythingElse) {
  std::vector<std::string> others;
  for (const Node &node : graph().nodes) {
    if (!is_convolution(node)) others.push_back(line_of(node));
  }
  EXPECT_EQ(others, (std::vector<std::string>{
                        "elementwise masked from image mask operation=mask_out",
                        "elementwise hole from ones mask operation=mul",
                        "concat x from masked ones hole",
                        "activation x1 from conv17 activation=tanh",
                        "blend xin from x1 masked mask",
                        "contextual_attention ca from pmconv6 mask fuse=true kernel=3 rate=2 softmax_scale=10",
                        "concat merged from xconv10_atrous pmconv10",
                        "activation x2 from allconv17 activation=tanh",
                        "blend filled from x2 masked mask",
                    }));
}

// Channels and height (at 256) carried along the wires, and from them the published number of parameters.
TEST(Deepfill2Graph, ChannelsFitAndParametersCount) {
  std::map<std::string, std::pair<int64_t, int64_t>> tensors = {
      {"image", {3, 256}}, {"mask", {1, 256}}, {"ones", {1, 256}}};
  std::map<std::string, int64_t> inputs;
  for (const Layer &layer : kLayers) inputs[layer.name] = layer.inputs;
  int64_t parameters = 0;
  for (const Node &node : graph().nodes) {
    auto [channels, height] = tensors.at(node.inputs[0]);
    if (node.op == "concat") {
      channels = 0;
      for (const std::string &input : node.inputs) {
        channels += tensors.at(input).first;
        EXPECT_EQ(tensors.at(input).second, height);
      }
    } else if (is_convolution(node)) {
      EXPECT_EQ(channels, inputs.at(node.name)) << node.name;
      const int64_t kernel = *as_integer(attribute(node, "kernel")), out = *as_integer(attribute(node, "channels"));
      parameters += (node.op == "conv2d" ? 1 : 2) * out * (kernel * kernel * channels + 1);
      channels = out;
      height = height * *as_integer(attribute(node, "upsample", "1")) / *as_integer(attribute(node, "stride", "1"));
    }
    tensors[node.outputs[0]] = {channels, height};
  }
  EXPECT_EQ(parameters, 4052478);
  EXPECT_EQ(tensors.at("ca"), (std::pair<int64_t, int64_t>{96, 64}));
  for (const char *name : {"x1", "xin", "x2", "filled"}) {
    EXPECT_EQ(tensors.at(name), (std::pair<int64_t, int64_t>{3, 256})) << name;
  }
}

TEST(Deepfill2Graph, InputsAndOutputs) {
  const Graph g = graph();
  EXPECT_EQ(g.model, "deepfill2");
  EXPECT_EQ(g.multiple, 8);
  ASSERT_EQ(g.inputs.size(), 3u);
  using Input = std::tuple<std::string, int64_t, float, float, std::string, std::string, std::optional<float>>;
  const Input expected[] = {{"image", 3, static_cast<float>(1 / 127.5), -1, "bgr", "edge", {}},
                            {"mask", 1, 1, 0, "", "zero", {}},
                            {"ones", 1, 1, 0, "", "zero", 1.0f}};
  for (std::size_t i = 0; i < 3; ++i) {
    const GraphInput &in = g.inputs[i];
    EXPECT_EQ(Input(in.name, in.shape[1].extent, in.scale, in.offset, in.order, in.pad, in.value), expected[i]);
    ASSERT_EQ(in.shape.size(), 4u);
    EXPECT_EQ(in.shape[0].symbol + in.shape[2].symbol + in.shape[3].symbol, "nhw");
  }
  ASSERT_EQ(g.outputs.size(), 3u);
  EXPECT_EQ(g.outputs[0].name, "filled");
  EXPECT_EQ(g.outputs[0].scale, 127.5f);
  EXPECT_EQ(g.outputs[0].offset, 127.5f);
  EXPECT_EQ(g.outputs[0].order, "bgr");
  EXPECT_EQ(g.outputs[1].name, "x1");
  EXPECT_EQ(g.outputs[2].name, "x2");
}

TEST(Deepfill2Graph, OtherWidths) {
  std::map<std::string, std::string> channels;
  for (const Node &node : graph({{"width", "8"}}).nodes) channels[node.name] = attribute(node, "channels");
  EXPECT_EQ(channels.at("conv1"), "4");
  EXPECT_EQ(channels.at("conv5"), "16");
  EXPECT_EQ(channels.at("pmconv4_downsample"), "16");
  EXPECT_EQ(channels.at("xconv4_downsample"), "8");
  EXPECT_EQ(channels.at("conv16"), "2");
  EXPECT_EQ(channels.at("allconv17"), "3");
  EXPECT_THROW(graph({{"width", "6"}}), Error);
}

}  // namespace
}  // namespace sluice
