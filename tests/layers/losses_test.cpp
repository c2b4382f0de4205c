// SPDX-License-Identifier: Apache-2.0
// Losses as a graph has them: by the ports of op `loss`, scaled, added by op `sum`, and their gradients.
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/graph_file.h"
#include "runtime/training/gradients.h"
#include "tests/support/message_of.h"
#include "tests/support/random_tensor.h"

namespace sluice::testing {
namespace {

StoredTensor values_of(const std::vector<int64_t> &shape, const std::vector<float> &values) {
  return StoredTensor::of_f32(shape, values.data());
}

Model model_of(const std::string &text) {
  ParseOptions options;
  options.composites = &KernelTable::linked().composites();
  return Model(parse_graph("model m\n" + text, "m.graph", options), {});
}

float number_of(const TensorMap &outputs, const std::string &name) {
  const StoredTensor &tensor = outputs.at(name);
  EXPECT_EQ(tensor.shape, std::vector<int64_t>{1}) << name;
  return tensor.f32()[0];
}

const std::string kPictures = "input x [2 3 4 5]\ninput y [2 3 4 5]\ninput mask [2 1 4 5]\n";

TensorMap pictures() {
  TensorMap inputs{{"x", random_tensor({2, 3, 4, 5}, 1)},
                   {"y", random_tensor({2, 3, 4, 5}, 2)},
                   {"mask", StoredTensor::of_f32({2, 1, 4, 5})}};
  for (int64_t i = 0; i < 40; i += 3) inputs["mask"].f32()[i] = 1;
  return inputs;
}

// A mean over all elements, whether the mask has them or not, times scale.
TEST(Losses, ByTheirPorts) {
  const Model model = model_of(kPictures +
                               "loss one from x,y loss=l1\nloss two from x,y loss=l2 scale=3\n"
                               "loss three from x,y,mask loss=masked_l1 scale=0.5\n"
                               "loss four from x,y,mask loss=masked_l2\n"
                               "output one\noutput two\noutput three\noutput four\n");
  const TensorMap inputs = pictures(), outputs = model.run(inputs);
  double l1 = 0, l2 = 0, masked_l1 = 0, masked_l2 = 0;
  for (int64_t i = 0; i < 120; i++) {
    const double d = static_cast<double>(inputs.at("x").f32()[i]) - static_cast<double>(inputs.at("y").f32()[i]);
    const double mask = static_cast<double>(inputs.at("mask").f32()[i / 60 * 20 + i % 20]);
    l1 += std::fabs(d) / 120;
    l2 += d * d / 120;
    masked_l1 += mask * std::fabs(d) / 120;
    masked_l2 += mask * d * d / 120;
  }
  EXPECT_NEAR(number_of(outputs, "one"), l1, 1e-6);
  EXPECT_NEAR(number_of(outputs, "two"), 3 * l2, 1e-5);
  EXPECT_NEAR(number_of(outputs, "three"), 0.5 * masked_l1, 1e-6);
  EXPECT_NEAR(number_of(outputs, "four"), masked_l2, 1e-6);
}

// The generator's loss of a picture network: its terms alone, and all in one number.
TEST(Losses, WeightedSumAndItsGradient) {
  const Model model = model_of(kPictures +
                               "loss adversarial from x loss=hinge_g scale=0.25\nloss near from x,y loss=l1 scale=2\n"
                               "loss far from x,y,mask loss=masked_l2 scale=10\nsum total from adversarial,near,far\n"
                               "output total\noutput adversarial\noutput near\noutput far\n");
  const TensorMap inputs = pictures(), outputs = model.run(inputs);
  EXPECT_EQ(number_of(outputs, "total"),
            number_of(outputs, "adversarial") + number_of(outputs, "near") + number_of(outputs, "far"));
  const StoredTensor one = values_of({1}, {1});
  const TensorMap whole = gradients(model, inputs, {{"total", one}});
  for (int64_t i = 0; i < 120; i++) {
    const double d = static_cast<double>(inputs.at("x").f32()[i]) - static_cast<double>(inputs.at("y").f32()[i]);
    const double mask = static_cast<double>(inputs.at("mask").f32()[i / 60 * 20 + i % 20]);
    const double expected = (-0.25 + (d > 0 ? 2 : -2) + 20 * mask * d) / 120;
    EXPECT_NEAR(whole.at("x").f32()[i], expected, 1e-6) << i;
  }
}

TEST(Losses, SumOfTwoToSixTerms) {
  const std::string names = "abcdef";
  std::string text, from = "a";
  TensorMap inputs, ones;
  for (size_t i = 0; i < names.size(); i++) {
    const std::string name(1, names[i]);
    text += "input " + name + " [1]\n";
    inputs[name] = values_of({1}, {static_cast<float>(1 << (2 * i))});
  }
  float expected = 1;
  for (size_t i = 1; i < names.size(); i++) {
    from += std::string(",") + names[i];
    expected += static_cast<float>(1 << (2 * i));
    const Model model = model_of(text + "sum total from " + from + "\noutput total\n");
    EXPECT_EQ(number_of(model.run(inputs), "total"), expected) << from;
    const TensorMap made = gradients(model, inputs, {{"total", values_of({1}, {1})}});
    for (size_t k = 0; k < names.size(); k++)
      EXPECT_EQ(made.at(std::string(1, names[k])).f32()[0], k <= i ? 1 : 0) << from << ", " << names[k];
  }
}

// Scores that exp has no room for, in both directions; a label beyond the last channel is the last one.
TEST(Losses, CrossEntropyOfLargeScores) {
  const Model model = model_of(
      "input x [4 3]\ninput labels [4]\nloss one from x,labels loss=softmax_cross_entropy scale=2\noutput one\n");
  const TensorMap inputs{{"x", values_of({4, 3}, {1e4f, 0, -1e4f, -1e4f, -1e4f, -1e4f, 0, 1e4f, 1e4f - 1, 1, 2, 3})},
                         {"labels", values_of({4}, {1, 2, 2, 7})}};
  const double third = std::log(1 + std::exp(1.0)), fourth = std::log(1 + std::exp(-1.0) + std::exp(-2.0));
  EXPECT_NEAR(number_of(model.run(inputs), "one"), 2 * (1e4 + std::log(3.0) + third + fourth) / 4, 1e-3);
  const TensorMap made = gradients(model, inputs, {{"one", values_of({1}, {1})}});
  const double likely = 1 / (1 + std::exp(-1.0)), sum = 1 + std::exp(-1.0) + std::exp(-2.0);
  const std::vector<double> expected = {
      1,          -1, 0, 1.0 / 3, 1.0 / 3, -2.0 / 3, 0, likely, -likely, std::exp(-2.0) / sum, std::exp(-1.0) / sum,
      1 / sum - 1};
  for (size_t i = 0; i < expected.size(); i++) EXPECT_NEAR(made.at("x").f32()[i], 0.5 * expected[i], 1e-6) << i;
}

TEST(Losses, RefusesOtherPorts) {
  const auto refusal = [](const std::string &line) {
    return message_of([&] { model_of(kPictures + line + "\noutput one\n").run(pictures()); });
  };
  EXPECT_NE(refusal("loss one from x loss=huber").find("no definition of loss has these attributes"),
            std::string::npos);
  EXPECT_NE(refusal("loss one from x,y loss=softmax_cross_entropy").find("needs labels.c=1"), std::string::npos);
  EXPECT_NE(refusal("loss one from x loss=l1 scale=big").find("m.graph:5"), std::string::npos);
  EXPECT_NE(refusal("loss one from x,y loss=l1 scale=big").find("attribute 'scale' expects a number, got 'big'"),
            std::string::npos);
  EXPECT_NE(refusal("sum one from x").find("m.graph:5"), std::string::npos);
}

}  // namespace
}  // namespace sluice::testing

int main(int argc, char **argv) {
  ::testing::InitGoogleTest(&argc, argv);
  sluice::register_training();
  return RUN_ALL_TESTS();
}
