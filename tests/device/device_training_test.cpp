// SPDX-License-Identifier: Apache-2.0
// Training by GPU schedules: step by step the losses that the CPU has.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/device/device_driver.h"
#include "tests/runtime/trainer/trainer_support.h"

namespace sluice::testing {
namespace {

class DeviceTraining : public WithDevice<::testing::Test> {
 protected:
  // By step, of the recipe's only objective.
  static std::vector<double> losses(const Recipe &recipe, const std::string &device) {
    const TemporaryFolder folder;
    TrainOptions options = train_options(folder.path());
    options.device = device;
    std::vector<double> losses;
    TrainEvents events;
    events.report = [&](const TrainReport &report) { losses.push_back(report.loss); };
    state_after(recipe, options, events);
    return losses;
  }
};

TEST_F(DeviceTraining, LossesAsOnTheCpu) {
  const bool is_gpu = kDevice == std::string("cuda");
  Recipe recipe = recipe_fixture("tiny.recipe");
  recipe.run_steps = is_gpu ? 200 : 20;
  recipe.log_every = 1;
  const int before = device_launches(), held = device_buffers();
  const std::vector<double> made = losses(recipe, kDevice);
  EXPECT_GT(device_launches(), before + 10 * recipe.run_steps);
  EXPECT_EQ(device_buffers(), held);
  const std::vector<double> expected = losses(recipe, "cpu");
  ASSERT_EQ(made.size(), static_cast<size_t>(recipe.run_steps));
  ASSERT_EQ(expected.size(), made.size());
  for (size_t step = 0; step < made.size(); step++) {
    // Rounding grows from step to step.
    EXPECT_NEAR(made[step], expected[step], (step < 20 ? 1e-4 : 2e-2) * expected[step]) << "step " << step;
  }
  EXPECT_LT(made.back(), 0.9 * made.front());
}

}  // namespace
}  // namespace sluice::testing
