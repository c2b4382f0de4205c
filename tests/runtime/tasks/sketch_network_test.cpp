// SPDX-License-Identifier: Apache-2.0
// What a sketch network is given, with graphs that add sketch, noise and class.
#include "runtime/tasks/sketch_network.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/graph_file.h"
#include "tests/support/message_of.h"

namespace sluice {
namespace {

using testing::message_of;

const std::string kInputs = "input sketch [n 1 2 3]\ninput z [n 1 1 1]\ninput label [n 1 1 1]\n";
const std::string kNodes =
    "elementwise noisy from sketch,z operation=add\nelementwise image from noisy,label operation=add\n";
const std::string kOutput = "output image [n 1 h w]\n";

SketchNetwork network_of(const std::string &text, int default_side = 4) {
  return {std::make_shared<const Model>(parse_graph("model tiny\n" + text, "tiny.graph"), TensorMap{}), default_side};
}

std::vector<float> values_of(const StoredTensor &tensor) { return {tensor.f32(), tensor.f32() + tensor.elements()}; }

const Plane kSketch{3, 2, {0, 51, 102, 153, 204, 255}};

TEST(SketchNetwork, GivesSketchNoiseAndClassToTheGraph) {
  const SketchNetwork network = network_of(kInputs + kNodes + kOutput);
  EXPECT_EQ(network.width(), 3);
  EXPECT_EQ(network.height(), 2);
  EXPECT_EQ(network.noise_size(), 1);
  EXPECT_TRUE(network.has_classes());
  const StoredTensor image = network.run(kSketch, 2, 2, {0.5f, -0.25f}, {});
  EXPECT_EQ(image.shape, (std::vector<int64_t>{2, 1, 2, 3}));
  const std::vector<float> values = values_of(image);
  for (size_t i = 0; i < 6; i++) {
    EXPECT_NEAR(values[i], kSketch.values[i] / 127.5f - 1 + 0.5f + 2, 1e-6) << i;
    EXPECT_NEAR(values[6 + i], kSketch.values[i] / 127.5f - 1 - 0.25f + 2, 1e-6) << i;
  }
}

TEST(SketchNetwork, UndoesTheScaleOfTheInputLine) {
  const std::string scaled =
      "input sketch [n 1 2 3] scale=1/127.5 offset=-1\ninput z [n 1 1 1] scale=2\n"
      "input label [n 1 1 1]\n";
  const std::vector<float> plain = values_of(network_of(kInputs + kNodes + kOutput).run(kSketch, 2, 1, {0.5f}, {}));
  const std::vector<float> same = values_of(network_of(scaled + kNodes + kOutput).run(kSketch, 2, 1, {0.5f}, {}));
  for (size_t i = 0; i < 6; i++) EXPECT_NEAR(same[i], plain[i], 1e-6) << i;
}

TEST(SketchNetwork, RepeatsTheSketchInEveryChannel) {
  const SketchNetwork network = network_of(
      "input sketch [n 3 2 3]\nactivation image from sketch activation=relu\n"
      "output image [n 3 h w]\n");
  EXPECT_EQ(network.noise_size(), 0);
  EXPECT_FALSE(network.has_classes());
  const StoredTensor image = network.run(kSketch, 0, 1, {}, {});
  EXPECT_EQ(image.shape, (std::vector<int64_t>{1, 3, 2, 3}));
  for (size_t i = 0; i < 18; i++) {
    EXPECT_NEAR(values_of(image)[i], std::max(kSketch.values[i % 6] / 127.5f - 1, 0.0f), 1e-6) << i;
  }
}

TEST(SketchNetwork, TakesTheDefaultSideWhereTheGraphLeavesItOpen) {
  const SketchNetwork network = network_of(
      "input sketch [n 1 h w]\nactivation image from sketch activation=relu\n"
      "output image [n 1 h w]\n");
  EXPECT_EQ(network.width(), 4);
  EXPECT_EQ(network.height(), 4);
  EXPECT_EQ(network.run({4, 4, std::vector<float>(16, 255)}, 0, 1, {}, {}).shape, (std::vector<int64_t>{1, 1, 4, 4}));
}

TEST(SketchNetwork, KnowsTheUnitsOfItsOutput) {
  EXPECT_EQ(network_of(kInputs + kNodes + kOutput).output().scale, 127.5f);
  EXPECT_EQ(network_of(kInputs + kNodes + kOutput).output().offset, 127.5f);
  const SketchNetwork stated = network_of(kInputs + kNodes + "output image [n 1 h w] scale=255\n");
  EXPECT_EQ(stated.output().scale, 255);
  EXPECT_EQ(stated.output().offset, 0);
}

TEST(SketchNetwork, RefusesGraphsThatDoNotFit) {
  const auto refusal = [](const std::string &inputs, const std::string &output = kOutput) {
    return message_of([&] { network_of(inputs + "activation image from sketch activation=relu\n" + output); });
  };
  const std::string start = "model tiny cannot draw from sketches: ";
  EXPECT_EQ(
      message_of([] { network_of("input other [n 1 2 3]\nactivation image from other activation=relu\n" + kOutput); }),
      start + "it has no input 'sketch'");
  EXPECT_EQ(refusal("input sketch [n 1 2 3]\n", "output filled from image [n 1 h w]\n"),
            start + "it has no output 'image'");
  EXPECT_EQ(refusal("input sketch [n c 2 3]\n"), start + "input 'sketch' leaves its channels open");
  EXPECT_EQ(refusal("input sketch [n 1 2 3]\ninput z [n k 1 1]\n"), start + "input 'z' leaves its extent 'k' open");
  EXPECT_EQ(refusal("input sketch [n 1 2 3]\ninput label [n 2 1 1]\n"),
            start + "input 'label' holds more than one value a sample");
}

TEST(SketchNetwork, RefusesOtherSizes) {
  const SketchNetwork network = network_of(kInputs + kNodes + kOutput);
  EXPECT_EQ(message_of([&] {
              network.run({2, 3, std::vector<float>(6)}, 0, 1, {1}, {});
            }),
            "model tiny: expected a sketch of 3 x 2 pixels, got 2 x 3");
  EXPECT_EQ(message_of([&] { network.run(kSketch, 0, 2, {1}, {}); }),
            "model tiny: 1 values of noise, expected 1 for each of 2 samples");
}

}  // namespace
}  // namespace sluice
