// SPDX-License-Identifier: Apache-2.0
// The recipe of GuideNet against an independent training in double, from the same weights on the same batches: ten
// steps with the stored statistics, three with those of the batch. The files are not in the repository: skipped
// without.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/models/recipe_steps.h"
#include "tests/support/fixture.h"
#include "weights_io/names/names.h"

namespace sluice::testing {
namespace {

// Ten times what a float32 run of the reference was off. Losses relative; gradients relative to the largest of their
// tensor, at least 1e-3 of the largest of all; weights relative to how far they moved.
constexpr double kFrozenLoss = 1e-4, kFrozenGradient = 9e-5, kModel = 2e-2, kTensor = 2e-1;
// Two of the ten batches make the untrained network's output run away: their losses are 1500 and 180,000 times the
// others' and hang on the last bits of single weights. float32 is off by 1.6e-4 there, with direct sums as with
// Winograd's.
constexpr double kRunaway = 1e5, kRunawayLoss = 3e-4;
constexpr double kBatchLoss = 3e-4, kBatchGradient = 4e-3, kStatistics = 2e-4;
constexpr double kBeta1 = 0.9;
constexpr float kNoDepth = 1e-3f;  // metres

// By the names of a training, "completion.<weight>".
TensorMap named(TensorMap tensors, const std::string &file) {
  TensorMap all;
  const Archive given{std::move(tensors), {}};
  for (auto &[name, tensor] : apply_names(read_names(source_file("models/guidenet.names")), given, file).tensors)
    all["completion." + name] = std::move(tensor);
  return all;
}

bool is_statistic(const std::string &name) { return name.ends_with("running_mean") || name.ends_with("running_var"); }

TensorMap batch_of(const TensorMap &batches, int step) {
  TensorMap given = with_prefix(batches, "0" + std::to_string(step) + "."), batch;
  const StoredTensor &bytes = given.at("image");
  StoredTensor &image = batch["image"] = StoredTensor::of_f32(bytes.shape);
  for (int64_t i = 0; i < image.elements(); i++)
    image.f32()[i] =
        static_cast<float>(static_cast<double>(static_cast<uint8_t>(bytes.bytes[static_cast<size_t>(i)])) / 80 - 1.15);
  batch["lidar"] = given.at("lidar");
  batch["depth"] = given.at("target");
  StoredTensor &valid = batch["valid"] = StoredTensor::of_f32(batch["depth"].shape);
  for (int64_t i = 0; i < valid.elements(); i++) valid.f32()[i] = batch["depth"].f32()[i] > kNoDepth ? 1.0f : 0.0f;
  return batch;
}

RecipeSteps training(const std::string &mode, const std::string &rate) {
  RecipeSteps training("guidenet", {{"width", "2"}, {"height", "64"}, {"length", "96"}, {"batch", "2"}, {"rate", rate}},
                       mode);
  for (auto &[name, tensor] : named(read_reference("guidenet_frozen/initial"), "initial"))
    (is_statistic(name) ? training.state.state : training.state.parameters)[name] = std::move(tensor);
  training.make();
  return training;
}

// After the first step Adam's first moment is (1 - beta1) times the gradient.
void expect_first_gradients(const TrainedStep &step, const std::string &file, double bound) {
  TensorMap given = read_reference("guidenet_frozen/initial");  // for the statistics, which have no gradient
  for (auto &[name, tensor] : with_prefix(read_reference(file), "grad.")) given[name] = std::move(tensor);
  const TensorMap expected = named(std::move(given), file), moments = step.optimizer_state().tensors;
  double largest = 0;
  for (const auto &[name, tensor] : expected) {
    if (!is_statistic(name)) largest = std::max(largest, largest_magnitude(tensor));
  }
  int compared = 0;
  for (const auto &[name, tensor] : expected) {
    if (is_statistic(name)) continue;
    StoredTensor gradient = moments.at(name + ".first_moment");
    for (int64_t i = 0; i < gradient.elements(); i++)
      gradient.f32()[i] = static_cast<float>(gradient.f32()[i] / (1 - kBeta1));
    EXPECT_LE(relative_error(gradient, tensor, 1e-3 * largest), bound) << name;
    compared++;
  }
  EXPECT_EQ(compared, 250);
}

void expect_loss(double value, const TensorMap &losses, int64_t step, double bound) {
  const double expected = losses.at("loss.masked_l2").f32()[step];
  std::cout << "step " << step << ": loss off by " << std::fabs(value / expected - 1) << '\n';
  EXPECT_NEAR(value, expected, bound * expected) << "step " << step;
}

bool is_here() { return std::filesystem::exists(reference_training("guidenet_frozen/batches")); }

TEST(GuideNetTraining, TenStepsWithStoredStatisticsAsTheReference) {
  if (!is_here()) GTEST_SKIP() << kNoReference;
  RecipeSteps own = training("eval", "1e-5");
  const TensorMap batches = read_reference("guidenet_frozen/batches"),
                  losses = read_reference("guidenet_frozen/losses");
  for (own.state.step = 0; own.state.step < 10; own.state.step++) {
    const StepResult result = own.steps[0]->run(batch_of(batches, static_cast<int>(own.state.step)), own.state);
    ASSERT_EQ(result.not_finite, "");
    expect_loss(result.total, losses, own.state.step, result.total > kRunaway ? kRunawayLoss : kFrozenLoss);
    if (own.state.step == 0) expect_first_gradients(*own.steps[0], "guidenet_frozen/first_gradients", kFrozenGradient);
  }
  const TensorMap first = named(read_reference("guidenet_frozen/initial"), "initial"),
                  last = named(read_reference("guidenet_frozen/final"), "final");
  expect_arrival(own.state.parameters, first, last, kModel, kTensor);
}

TEST(GuideNetTraining, ThreeStepsWithStatisticsOfTheBatchAsTheReference) {
  if (!is_here()) GTEST_SKIP() << kNoReference;
  RecipeSteps own = training("train", "1e-3");
  const TensorMap batches = read_reference("guidenet_frozen/batches"), losses = read_reference("guidenet_batch/losses");
  for (own.state.step = 0; own.state.step < 3; own.state.step++) {
    const StepResult result = own.steps[0]->run(batch_of(batches, static_cast<int>(own.state.step)), own.state);
    ASSERT_EQ(result.not_finite, "");
    expect_loss(result.total, losses, own.state.step, kBatchLoss);
    if (own.state.step > 0) continue;
    expect_first_gradients(*own.steps[0], "guidenet_batch/losses", kBatchGradient);
    TensorMap given = read_reference("guidenet_frozen/initial");
    for (auto &[name, tensor] : with_prefix(losses, "state_out.")) given[name] = std::move(tensor);
    for (const auto &[name, tensor] : named(std::move(given), "statistics")) {
      if (!is_statistic(name)) continue;
      EXPECT_LE(relative_error(own.state.state.at(name), tensor), kStatistics) << name;
    }
  }
}

}  // namespace
}  // namespace sluice::testing
