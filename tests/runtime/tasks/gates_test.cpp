// SPDX-License-Identifier: Apache-2.0
// Gates of the shipped model against plain loops, gates of classes against the weights that make them.
#include "runtime/tasks/gates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <random>
#include <sstream>

#include "runtime/graph_file.h"
#include "tests/support/fixture.h"
#include "tests/support/message_of.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

using testing::message_of;

const std::filesystem::path kSource = SLUICE_SOURCE_DIR;
const std::filesystem::path kDemo = kSource / "docs" / "demo";

const Model &shipped() {
  static const auto model =
      Model::load(kSource / "models" / "deepfill2.graph", kSource / "models" / "deepfill2.safetensors");
  return *model;
}

// Every so many-th pixel of the demo picture and its mask.
TensorMap demo_inputs(int width, int height) {
  const Picture photo = read_picture(kDemo / "photo.jpg");
  int mask_width = 0, mask_height = 0;
  const std::vector<uint8_t> mask = read_mask(kDemo / "mask.png", &mask_width, &mask_height);
  Picture small{.width = width, .height = height, .channels = 3, .bits = 8, .samples = {}};
  std::vector<uint8_t> hole;
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++) {
      const int px = x * photo.width / width, py = y * photo.height / height;
      for (int c = 0; c < 3; c++) small.samples.push_back(photo.samples[photo.index(px, py, c)]);
      hole.push_back(mask[static_cast<size_t>(py * mask_width + px)]);
    }
  }
  return hole_inputs(shipped().graph(), small, hole);
}

struct Convolution {
  std::string node, input;
  int kernel = 3, stride = 1, dilation = 1, upsample = 1;
};

// Mean over channels of sigmoid(convolution with zeros around), TensorFlow's SAME, output pixel by output pixel.
std::vector<double> reference_gate(const Convolution &layer, const StoredTensor &input) {
  const StoredTensor &weight = shipped().weights().at(layer.node + ".gate_weight");
  const float *bias = shipped().weights().at(layer.node + ".gate_bias").f32();
  const int channels = static_cast<int>(weight.shape[0]), inner = static_cast<int>(weight.shape[1]);
  const int given_h = static_cast<int>(input.shape[2]), given_w = static_cast<int>(input.shape[3]);
  const int height = given_h * layer.upsample, width = given_w * layer.upsample, k = layer.kernel;
  const int out_h = (height + layer.stride - 1) / layer.stride, out_w = (width + layer.stride - 1) / layer.stride;
  const auto before = [&](int out, int size) {
    return std::max((out - 1) * layer.stride + (k - 1) * layer.dilation + 1 - size, 0) / 2;
  };
  std::vector<double> means;
  for (int pixel = 0; pixel < out_h * out_w; pixel++) {
    const int y0 = pixel / out_w * layer.stride - before(out_h, height);
    const int x0 = pixel % out_w * layer.stride - before(out_w, width);
    double mean = 0;
    for (int o = 0; o < channels; o++) {
      double sum = bias[o];
      for (int tap = 0; tap < inner * k * k; tap++) {
        const int y = y0 + tap / k % k * layer.dilation, x = x0 + tap % k * layer.dilation;
        if (y < 0 || x < 0 || y >= height || x >= width) continue;
        const int at = (tap / (k * k) * given_h + y / layer.upsample) * given_w + x / layer.upsample;
        sum += double{weight.f32()[o * inner * k * k + tap]} * input.f32()[at];
      }
      mean += 1 / (1 + std::exp(-sum)) / channels;
    }
    means.push_back(mean);
  }
  return means;
}

TEST(GateMaps, AreTheGatesOfTheShippedModel) {
  const TensorMap inputs = demo_inputs(64, 48);
  const std::vector<Convolution> layers = {{"conv1", "x", 5},
                                           {"conv2_downsample", "conv1", 3, 2},
                                           {"conv8_atrous", "conv7_atrous", 3, 1, 4},
                                           {"allconv13_upsample", "allconv12", 3, 1, 1, 2}};
  RunOptions keep;
  for (const Convolution &layer : layers) keep.keep.push_back(layer.input);
  const TensorMap kept = shipped().run(inputs, keep);
  const std::vector<GateMap> maps = gate_maps(shipped(), inputs);
  for (const Convolution &layer : layers) {
    const auto map = std::find_if(maps.begin(), maps.end(), [&](const GateMap &m) { return m.node == layer.node; });
    ASSERT_NE(map, maps.end()) << layer.node;
    const std::vector<double> expected = reference_gate(layer, kept.at(layer.input));
    ASSERT_EQ(map->mean.values.size(), expected.size()) << layer.node;
    double sum = 0;
    for (size_t i = 0; i < expected.size(); i++) {
      EXPECT_NEAR(map->mean.values[i], expected[i], 1e-5) << layer.node << " " << i;  // sums of float32
      sum += expected[i];
    }
    EXPECT_NEAR(map->openness, sum / static_cast<double>(expected.size()), 1e-5) << layer.node;
  }
}

TEST(GateMaps, AreOneALayerInTheOrderOfTheGraph) {
  std::vector<std::string> gated, drawn;
  for (const Node &node : shipped().graph().nodes) {
    if (shipped().weights().contains(node.name + ".gate_weight")) gated.push_back(node.name);
  }
  for (const GateMap &map : gate_maps(shipped(), demo_inputs(32, 32))) {
    drawn.push_back(map.node);
    EXPECT_GT(map.openness, 0) << map.node;
    EXPECT_LT(map.openness, 1) << map.node;
  }
  EXPECT_EQ(drawn, gated);
  EXPECT_EQ(gated.size(), 40u);
}

TEST(GateMaps, EndWhereThePictureEnds) {
  for (const GateMap &map : gate_maps(shipped(), demo_inputs(61, 45))) {
    const int scale = static_cast<int>(48 / map.shape[2]);
    EXPECT_EQ(map.mean.width, (61 + scale - 1) / scale) << map.node;
    EXPECT_EQ(map.mean.height, (45 + scale - 1) / scale) << map.node;
    EXPECT_EQ(map.mean.values.size(), static_cast<size_t>(map.mean.width * map.mean.height)) << map.node;
  }
}

std::shared_ptr<const Model> plain_model() {
  const std::string text = "model plain\ninput image [n 3 h w]\nactivation y from image activation=relu\noutput y\n";
  return std::make_shared<const Model>(parse_graph(text, "plain.graph"), TensorMap{});
}

TEST(GateMaps, AreRefusedWhereThereAreNone) {
  const TensorMap inputs{{"image", StoredTensor::of_f32({1, 3, 2, 2})}};
  EXPECT_NE(message_of([&] { gate_maps(*plain_model(), inputs); }).find("no gated layer"), std::string::npos);
  EXPECT_NE(message_of([&] { hole_inputs(plain_model()->graph(), {}, {}); }).find("'mask'"), std::string::npos);
}

TEST(GateMaps, CanBeCancelled) {
  const std::atomic<bool> stop = true;
  RunOptions options;
  options.cancel = &stop;
  EXPECT_NE(message_of([&] { gate_maps(shipped(), demo_inputs(32, 32), options); }).find("cancelled"),
            std::string::npos);
}

// ---- classes

std::string sketch_text() {
  std::ifstream file(testing::fixture_path("gates/sketch.graph"));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string replaced(std::string text, const std::string &from, const std::string &to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

StoredTensor random_tensor(const std::vector<int64_t> &shape, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1.5f, 1.5f);
  StoredTensor tensor = StoredTensor::of_f32(shape);
  std::generate_n(tensor.f32(), tensor.elements(), [&] { return uniform(random); });
  return tensor;
}

TensorMap sketch_weights() {
  TensorMap weights{{"scales.weight", random_tensor({3, 4}, 1)},
                    {"shifts.weight", random_tensor({3, 4}, 2)},
                    {"start.weight", random_tensor({2, 1, 1, 1}, 3)},
                    {"start.bias", random_tensor({2}, 4)}};
  for (const std::string block : {"main.0", "main.1"}) {
    weights[block + ".branch.weight"] = random_tensor({2, 2, 3, 3}, 5);
    weights[block + ".branch.bias"] = random_tensor({2}, 6);
  }
  return weights;
}

ClassGates gates_of_text(const std::string &text) {
  return class_gates(Model(parse_graph(text, "sketch.graph"), sketch_weights()));
}

TEST(ClassGates, AreWhatTheWeightsOfTheHeadsSay) {
  const ClassGates table = gates_of_text(sketch_text());
  EXPECT_EQ(table.first_class, 0);
  EXPECT_EQ(table.classes, 3);
  ASSERT_EQ(table.gates.size(), 4u);  // the last block has the same gate for every class
  const TensorMap weights = sketch_weights();
  for (size_t g = 0; g < 4; g++) {
    const ClassGate &gate = table.gates[g];
    const bool scales = g % 2 == 0;
    EXPECT_EQ(gate.node, g < 2 ? "main.0" : "main.1");
    EXPECT_EQ(gate.port, scales ? "alpha" : "beta");
    EXPECT_EQ(gate.channels(), 2u);
    ASSERT_EQ(gate.values.size(), 3u);
    for (size_t k = 0; k < 3; k++) {
      double sum = 0;
      for (size_t c = 0; c < 2; c++) {
        const double row = weights.at(scales ? "scales.weight" : "shifts.weight").f32()[k * 4 + g / 2 * 2 + c];
        const double expected = scales ? 1 / (1 + std::exp(-row)) : std::clamp(row, -1.0, 1.0);
        EXPECT_NEAR(gate.values[k][c], expected, 1e-6) << gate.node << gate.port << k << c;
        sum += expected;
      }
      EXPECT_NEAR(gate.mean(k), sum / 2, 1e-6);
    }
  }
}

TEST(ClassGates, BeginAtTheFirstClassOfTheRange) {
  const ClassGates table = gates_of_text(replaced(sketch_text(), "range=0,classes-1", "range=1,classes-1"));
  EXPECT_EQ(table.first_class, 1);
  EXPECT_EQ(table.classes, 2);
  const ClassGates whole = gates_of_text(sketch_text());
  EXPECT_EQ(table.gates[0].values[0], whole.gates[0].values[1]);
}

TEST(ClassGates, AreRefusedWhereTheyAreNotKnown) {
  const std::string text = sketch_text();
  const auto says = [](const std::string &graph, const std::string &part) {
    const std::string message = message_of([&] { gates_of_text(graph); });
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  says(replaced(text, " range=0,classes-1", ""), "states no range");
  says(replaced(text, "range=0,classes-1", "range=0,99999"), "more than 10000 classes");
  says(replaced(text, "[n] range", "[n 2 1 1] range"), "does not hold one number");
  says(replaced(text, "input z      [n blocks*width]", "input y [n 4]\nelementwise z from y,y operation=add"),
       "depend on the input 'y'");
  says(replaced(text, "input z      [n blocks*width]", "input z [n k]"), "the length of 'z' is open");
  says(replaced(text, "{from},{name}.a,{name}.b", "{from},half"), "no layer has a gate");
  const std::string message = message_of([] { class_gates(*plain_model()); });
  EXPECT_NE(message.find("'label'"), std::string::npos) << message;
}

}  // namespace
}  // namespace sluice
