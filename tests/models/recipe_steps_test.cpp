// SPDX-License-Identifier: Apache-2.0
// The first five steps of recipes, from given weights on given batches, against the same in double by PyTorch's
// autograd (tools/reference_training.py).
#include <gtest/gtest.h>

#include <cmath>

#include "tests/models/recipe_steps.h"
#include "tests/support/fixture.h"

namespace sluice::testing {
namespace {

// Ten times the worst of what float32 in PyTorch was off: losses relative, weights relative to how far they moved.
constexpr double kLoss = 7e-6, kWeights = 9e-5;
constexpr int kSteps = 5;

struct Steps {
  const char *recipe;
  std::map<std::string, std::string> settings;
};

const std::map<std::string, std::string> kDynamic = {
    {"width", "4"}, {"encoder_width", "4"}, {"hidden_width", "6"}, {"size", "12"}, {"batch", "2"}};

std::map<std::string, std::string> with(std::map<std::string, std::string> settings,
                                        const std::map<std::string, std::string> &more) {
  settings.insert(more.begin(), more.end());
  return settings;
}

const Steps kRecipes[] = {
    {"dfn_steerable", {{"width", "4"}, {"size", "12"}, {"batch", "2"}}},
    {"dfn_video", with(kDynamic, {{"frames_in", "3"}, {"frames_out", "2"}})},
    {"dfn_stereo", kDynamic},
    {"spatio_temporal", {{"width", "2"}, {"classes", "3"}, {"frames", "3"}, {"size", "8"}, {"batch", "2"}}},
    {"clip_inpaint", {{"width", "2"}, {"frames", "3"}, {"size", "8"}, {"batch", "2"}}},
};

double distance(const TensorMap &a, const TensorMap &b) {
  double sum = 0;
  for (const auto &[name, tensor] : a) {
    for (int64_t i = 0; i < tensor.elements(); i++) sum += std::pow(double(tensor.f32()[i]) - b.at(name).f32()[i], 2);
  }
  return std::sqrt(sum);
}

class RecipeStepsTest : public ::testing::TestWithParam<Steps> {};

TEST_P(RecipeStepsTest, AreThoseOfTheReferenceInDouble) {
  const std::string file = std::string("training/") + GetParam().recipe + "_steps.safetensors";
  const TensorMap reference = read_safetensors(fixture_path(file)).tensors;
  RecipeSteps own(GetParam().recipe, GetParam().settings);
  own.draw(1);
  const TensorMap first = with_prefix(reference, "initial."), last = with_prefix(reference, "final.");
  ASSERT_EQ(own.state.parameters.size(), first.size());
  for (const auto &[name, tensor] : first) {
    StoredTensor &weight = own.state.parameters.at(name);  // a linear layer's has two dimensions of 1 more
    ASSERT_EQ(weight.elements(), tensor.elements()) << name;
    weight.bytes = tensor.bytes;
  }
  own.make();
  for (; own.state.step < kSteps; own.state.step++) {
    const TensorMap batch = with_prefix(reference, std::to_string(own.state.step) + ".");
    const StepResult result = own.steps[0]->run(batch, own.state);
    ASSERT_EQ(result.not_finite, "");
    const double expected = reference.at("losses").f32()[own.state.step];
    EXPECT_NEAR(result.total, expected, kLoss * expected) << "step " << own.state.step;
  }
  const double moved = distance(last, first), off = distance(own.state.parameters, last) / moved;
  std::cout << GetParam().recipe << ": weights off by " << off << " of their way\n";
  EXPECT_LE(off, kWeights);
}

INSTANTIATE_TEST_SUITE_P(Shipped, RecipeStepsTest, ::testing::ValuesIn(kRecipes),
                         [](const auto &one) { return std::string(one.param.recipe); });

}  // namespace
}  // namespace sluice::testing
