// SPDX-License-Identifier: Apache-2.0
#include "runtime/structural.h"

#include <gtest/gtest.h>

#include <numeric>

#include "runtime/graph_file.h"
#include "runtime/model.h"
#include "tests/support/message_of.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

using testing::message_of;

StoredTensor counted(const std::vector<int64_t> &shape) {
  StoredTensor tensor = StoredTensor::of_f32(shape);
  std::iota(tensor.f32(), tensor.f32() + tensor.elements(), 0.0f);
  return tensor;
}
std::vector<float> values(const StoredTensor &tensor) { return {tensor.f32(), tensor.f32() + tensor.elements()}; }

TensorMap run(const std::string &text, const StoredTensor &input) {
  return Model(parse_graph("model m\n" + text, "m.graph"), {}).run({{"a", input}});
}

TEST(Structural, ReshapeKeepsTheOrderOfFiles) {
  const StoredTensor input = counted({2, 6, 2, 3});
  const auto made =
      run("input a [n 6 2 3]\nreshape flat from a shape=0,-1\nreshape back from flat shape=0,6,2,3\n"
          "reshape taps from a shape=0,3,2,0,0\noutput flat\noutput back\noutput taps\n",
          input);
  EXPECT_EQ(made.at("flat").shape, (std::vector<int64_t>{2, 36}));
  EXPECT_EQ(made.at("taps").shape, (std::vector<int64_t>{2, 3, 2, 2, 3}));
  for (const char *name : {"flat", "back", "taps"}) EXPECT_EQ(values(made.at(name)), values(input)) << name;
}

TEST(Structural, SlicesAreViews) {
  const auto made =
      run("input a [n 5 1 2]\nslice b from a first=1 channels=2\nslice c from b first=1 channels=1\n"
          "concat d from c,b,b\noutput b\noutput c\noutput d\n",
          counted({1, 5, 1, 2}));
  EXPECT_EQ(values(made.at("b")), (std::vector<float>{2, 3, 4, 5}));
  EXPECT_EQ(values(made.at("c")), (std::vector<float>{4, 5}));
  EXPECT_EQ(values(made.at("d")), (std::vector<float>{4, 5, 2, 3, 4, 5, 2, 3, 4, 5}));
}

TEST(Structural, RefusesWhatDoesNotFit) {
  const auto refused = [](const std::string &line) {
    return message_of([&] { run("input a [n 6 2 3]\n" + line + "\noutput b\n", counted({1, 6, 2, 3})); });
  };
  EXPECT_NE(refused("slice b from a first=5 channels=2").find("node b: channels 5 to 6 of a tensor that has 6"),
            std::string::npos);
  EXPECT_NE(refused("reshape b from a shape=0,5,-1").find("node b: shape=0,5,-1 has not the 36 elements"),
            std::string::npos);
  EXPECT_NE(refused("reshape b from a shape=0,7").find("has not the 36 elements of [1, 6, 2, 3]"), std::string::npos);
  EXPECT_NE(refused("reshape b from a shape=0,0,0,0,0").find("does not fit"), std::string::npos);
}

TEST(Structural, LabelsOutsideTheirRangeAreRefused) {
  const Graph graph = parse_graph("model m\ninput a [n] range=0,9\nreshape b from a shape=0,1\noutput b\n", "m.graph");
  const Model model(graph, {});
  StoredTensor label = StoredTensor::of_f32({1});
  label.f32()[0] = 9;
  EXPECT_EQ(values(model.run({{"a", label}}).at("b")), (std::vector<float>{9}));
  label.f32()[0] = 10;
  EXPECT_NE(message_of([&] {
              model.run({{"a", label}});
            }).find("input 'a': 10 is not in the range 0 to 9"),
            std::string::npos);
}

TEST(PortView, RanksAsPictures) {
  std::vector<float> memory(120);
  const BufferView clip(memory.data(), {2, 3, 4, 5, 1});
  EXPECT_EQ(as_picture(clip).extents, (Extents{2, 3, 20, 1}));
  EXPECT_EQ(as_picture(clip).strides[2], 6);
  LayerSchema layer;
  SchemaPort port;
  port.name = "input";
  port.axes = {{"c", ""}, {"x", ""}, {"y", ""}, {"n", ""}};
  layer.inputs = {port};
  EXPECT_NE(message_of([&] { port_view(clip, port, layer, "here"); }).find("here: port 'input' takes a tensor of 4"),
            std::string::npos);
  layer.any_rank = true;
  EXPECT_EQ(port_view(clip, port, layer, "here").extents, (Extents{2, 3, 20, 1}));
  EXPECT_EQ(tensor_extents({7, 3, 20, 1}, port, layer, {{2, 3, 4, 5, 1}}, "here"), (Extents{7, 3, 4, 5, 1}));
  const BufferView vectors(memory.data(), {3, 4});
  EXPECT_EQ(port_view(vectors, port, layer, "here").extents, (Extents{3, 1, 1, 4}));
  port.batch_as_row = true;
  EXPECT_EQ(port_view(vectors, port, layer, "here").extents, (Extents{3, 4, 1, 1}));
  EXPECT_EQ(tensor_extents({9, 4, 1, 1}, port, layer, {{3, 4}}, "here"), (Extents{9, 4}));
}

}  // namespace
}  // namespace sluice
