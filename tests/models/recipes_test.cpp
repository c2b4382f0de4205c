// SPDX-License-Identifier: Apache-2.0
// The recipes that ship, on computed samples at a small size: the loss falls, on samples never trained on where that is
// to be had within seconds.
#include <gtest/gtest.h>

#include "runtime/trainer/batches.h"
#include "tests/models/recipe_steps.h"

namespace sluice::testing {
namespace {

struct Small {
  const char *recipe;
  std::map<std::string, std::string> settings;
  int64_t steps;
  double falls_to;         // of the validation loss before the first step
  bool one_batch = false;  // trained and judged on a single batch: a direction is not learnt within seconds
};

const Small kSmall[] = {
    {"guidenet",
     {{"width", "4"}, {"height", "32"}, {"length", "64"}, {"batch", "2"}, {"rate", "5e-3"}, {"steps", "400"}},
     40,
     0.7},
    {"dfn_steerable", {{"width", "16"}, {"size", "24"}, {"batch", "4"}}, 60, 0.5},
    {"dfn_video",
     {{"width", "8"},
      {"encoder_width", "8"},
      {"hidden_width", "16"},
      {"size", "24"},
      {"batch", "2"},
      {"frames_in", "3"},
      {"frames_out", "2"},
      {"digits", "1"},
      {"rate", "5e-3"}},
     60,
     0.95},
    {"dfn_stereo",
     {{"width", "8"}, {"encoder_width", "8"}, {"hidden_width", "16"}, {"size", "24"}, {"batch", "4"}},
     60,
     0.9},
    {"spatio_temporal",
     {{"width", "4"}, {"classes", "4"}, {"frames", "4"}, {"size", "16"}, {"batch", "8"}, {"rate", "1e-2"}},
     40,
     0.5,
     true},
    {"clip_inpaint", {{"width", "4"}, {"frames", "4"}, {"size", "16"}, {"batch", "2"}, {"rate", "1e-2"}}, 60, 0.85},
};

// The sum of what the first step minimises, over samples of another stream.
double validation_loss(RecipeSteps &own, const BatchSource &source, bool one_batch) {
  double loss = 0;
  for (uint64_t i = 0; i < (one_batch ? 1 : 4); i++) {
    const TensorMap batch = source.batch(one_batch ? "train" : "validation", i, own.steps[0]->image_order());
    loss += own.steps[0]->evaluate(batch, own.state, own.state.parameters).total;
  }
  return loss;
}

class Recipes : public ::testing::TestWithParam<Small> {};

TEST_P(Recipes, TheLossFallsOnComputedSamples) {
  const Small &small = GetParam();
  RecipeSteps own(small.recipe, small.settings);
  own.draw(1);
  own.make();
  const BatchSource source(own.recipe, {}, 1, nullptr);
  const double before = validation_loss(own, source, small.one_batch);
  for (; own.state.step < small.steps; own.state.step++) {
    const uint64_t number = small.one_batch ? 0 : static_cast<uint64_t>(own.state.step);
    const TensorMap batch = source.batch("train", number, own.steps[0]->image_order());
    ASSERT_EQ(own.steps[0]->run(batch, own.state).not_finite, "");
  }
  const double after = validation_loss(own, source, small.one_batch);
  std::cout << small.recipe << ": " << before << " -> " << after << '\n';
  EXPECT_LT(after, small.falls_to * before);
}

INSTANTIATE_TEST_SUITE_P(Shipped, Recipes, ::testing::ValuesIn(kSmall),
                         [](const auto &one) { return std::string(one.param.recipe); });

}  // namespace
}  // namespace sluice::testing
