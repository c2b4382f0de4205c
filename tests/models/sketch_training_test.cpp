// SPDX-License-Identifier: Apache-2.0
// The recipe of Interactive Sketch & Fill's first stage against an independent training in double: ten rounds of
// critic, with its gradient penalty, and generator from the same weights on the same batches. The files are not in the
// repository: skipped without.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "tests/models/recipe_steps.h"
#include "tests/support/fixture.h"
#include "weights_io/names/names.h"

namespace sluice::testing {
namespace {

constexpr int kRounds = 10;
// Ten times what a float32 run of the reference was off: losses relative, weights relative to how far they moved.
constexpr double kLossBound = 4e-6, kModelBound = 2e-4, kTensorBound = 3e-3;

TensorMap published(const std::string &file) { return read_reference("sketch_wgan_gp/" + file); }

bool is_state(const std::string &name) { return name.ends_with("_u") || name.ends_with("_v"); }

// The weights of both networks by the names of a training, "<network>.<weight>".
TensorMap networks_of(const std::string &file) {
  const TensorMap archive = published(file);
  TensorMap all;
  const std::array<const char *, 3> networks[] = {{"generator", "G.", "sketchfill_shape"},
                                                  {"discriminator", "D.", "sketchfill_shape_discriminator"}};
  for (const auto &[network, prefix, names] : networks) {
    const Archive own{with_prefix(archive, prefix), {}};
    const NamesFile known = read_names(source_file(std::string("models/") + names + ".names"));
    for (auto &[name, tensor] : apply_names(known, own, file).tensors)
      all[std::string(network) + "." + name] = std::move(tensor);
  }
  return all;
}

TEST(SketchTraining, TenRoundsAsTheReference) {
  if (!std::filesystem::exists(reference_training("sketch_wgan_gp/batches"))) GTEST_SKIP() << kNoReference;
  register_training();
  std::string text = read_recipe(source_file("models/recipes/sketchfill_shape.recipe")).text;
  // The reference has no pool; its rate is constant.
  const std::string pool = "  pool   made_pair from new_pair size=50\n";
  ASSERT_NE(text.find(pool), std::string::npos);
  text.replace(text.find(pool), pool.size(), "  activation made_pair from new_pair activation=none\n");
  const Recipe recipe =
      parse_recipe(text, "sketchfill_shape.recipe",
                   {{"width", "2"}, {"size", "64"}, {"classes", "3"}, {"noise", "6"}, {"batch", "2"}});
  RecipeSteps own(recipe);
  TrainingState &state = own.state;
  for (auto &[name, tensor] : networks_of("initial"))
    (is_state(name) ? state.state : state.parameters)[name] = std::move(tensor);
  own.make();
  const TensorMap batches = published("batches"), losses = published("losses");
  const auto expect_loss = [&](const char *name, double value) {
    const double expected = losses.at(name).f32()[state.step];
    EXPECT_NEAR(value, expected, kLossBound * std::max(std::fabs(expected), 0.1)) << name << ", round " << state.step;
  };
  for (state.step = 0; state.step < kRounds; state.step++) {
    TensorMap batch = with_prefix(batches, "0" + std::to_string(state.step) + ".");
    for (const auto &[given, ours] :
         {std::pair("partial", "sketch"), std::pair("full", "drawing"), std::pair("epsilon", "share")})
      batch[ours] = batch.at(given);
    StoredTensor &share = batch.at("share");
    share.shape = {2, 1};
    for (int64_t n = 0; n < 2; n++) share.f32()[n] = 1 - share.f32()[n];  // that of the reference is the made pair's
    const StepResult critic = own.steps[0]->run(batch, state);
    const StepResult made = own.steps[1]->run(batch, state);
    ASSERT_EQ(critic.not_finite + made.not_finite, "");
    expect_loss("loss.d_fake", -critic.losses.at("made"));
    expect_loss("loss.d_real", critic.losses.at("true"));
    expect_loss("loss.penalty", critic.losses.at("slope"));
    expect_loss("loss.g", made.losses.at("adversarial"));
  }
  // The critic's last bias, which its two scores share, does not move.
  expect_arrival(state.parameters, networks_of("initial"), networks_of("final"), kModelBound, kTensorBound);
}

}  // namespace
}  // namespace sluice::testing
