// SPDX-License-Identifier: Apache-2.0
// The recipe of DeepFill v2 against an independent training in double: twenty rounds of discriminator and generator
// from the same weights on the same batches. The files are not in the repository: skipped without.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "tests/models/recipe_steps.h"
#include "tests/support/fixture.h"
#include "weights_io/names/names.h"

namespace sluice::testing {
namespace {

constexpr int kRounds = 20;
// Ten times what a float32 run of the reference was off: losses relative, weights relative to how far they moved.
constexpr double kLossBound = 3e-5, kModelBound = 2e-3, kTensorBound = 2e-2;

TensorMap published(const std::string &file) { return read_reference("deepfill2/" + file); }

// The weights of both networks by the names of a training, "<network>.<weight>".
TensorMap networks_of(const std::string &file) {
  const TensorMap archive = published(file);
  TensorMap all;
  const std::pair<const char *, const char *> networks[] = {{"generator", "G."}, {"discriminator", "D."}};
  for (const auto &[network, prefix] : networks) {
    Archive own{with_prefix(archive, prefix), {}};
    const std::string names = network == std::string("generator") ? "deepfill2" : "deepfill2_discriminator";
    if (network == std::string("discriminator")) {  // the names of a layer fixture: the weight before its norm
      TensorMap original;
      for (auto &[name, tensor] : own.tensors)
        original[name.ends_with(".weight") ? name + "_orig" : name] = std::move(tensor);
      own.tensors = std::move(original);
    }
    for (auto &[name, tensor] : apply_names(read_names(source_file("models/" + names + ".names")), own, file).tensors)
      all[std::string(network) + "." + name] = std::move(tensor);
  }
  return all;
}

TEST(DeepFill2Training, TwentyRoundsAsTheReference) {
  if (!std::filesystem::exists(reference_training("deepfill2/batches"))) GTEST_SKIP() << kNoReference;
  RecipeSteps own("deepfill2", {{"width", "8"}, {"discriminator_width", "8"}, {"size", "64"}, {"batch", "2"}});
  TrainingState &state = own.state;
  for (auto &[name, tensor] : networks_of("initial"))
    (name.ends_with("_u") ? state.state : state.parameters)[name] = std::move(tensor);
  own.make();
  const TensorMap batches = published("batches"), losses = published("losses");
  const auto expect_loss = [&](const char *name, double value) {
    const double expected = losses.at(name).f32()[state.step];
    EXPECT_NEAR(value, expected, kLossBound * std::max(std::fabs(expected), 0.1)) << name << ", round " << state.step;
  };
  for (state.step = 0; state.step < kRounds; state.step++) {
    const std::string round = (state.step < 10 ? "0" : "") + std::to_string(state.step);
    const StepResult critic = own.steps[0]->run(with_prefix(batches, round + ".d."), state);
    const StepResult made = own.steps[1]->run(with_prefix(batches, round + ".g."), state);
    ASSERT_EQ(critic.not_finite + made.not_finite, "");
    expect_loss("loss.d", critic.total);
    expect_loss("loss.g_adversarial", made.losses.at("adversarial"));
    expect_loss("loss.l1_coarse", made.losses.at("coarse"));
    expect_loss("loss.l1_refined", made.losses.at("refined"));
  }
  expect_arrival(state.parameters, networks_of("initial"), networks_of("final"), kModelBound, kTensorBound);
}

}  // namespace
}  // namespace sluice::testing
