// SPDX-License-Identifier: Apache-2.0
// Gradients by the GPU schedules of every case of every layer, against complex-step derivatives of the reference, and
// element by element against the CPU's.
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/layer_call.h"
#include "tests/device/device_driver.h"
#include "tests/layers/layer_problem.h"
#include "tests/support/case_name.h"

namespace sluice::testing {
namespace {

// Of the sum of the products' magnitudes, and of the gradient's length: as between forms of a layer on the CPU.
constexpr double kBound = 2e-5;

class DeviceGradients : public WithDevice<::testing::TestWithParam<LayerCase>> {
 protected:
  static void expect_gradients(const LoadOptions &options) {
    const Problem problem(GetParam(), false);
    if (!problem.schema().has_gradient()) return;
    const Array<double> value = problem.reference().value(problem.attributes(), problem.operands());
    const Array<double> grad_output = random_like(value.shape, 7);
    const int before = device_launches(), held = device_buffers();
    const Operands<double> gradients = float_gradients(problem, grad_output, options);
    EXPECT_EQ(device_buffers(), held);
    EXPECT_GT(device_launches(), before);
    EXPECT_FALSE(gradients.empty());
    LoadOptions cpu = options;
    cpu.device = "cpu";
    const Operands<double> expected = float_gradients(problem, grad_output, cpu);
    for (const auto &[port, gradient] : gradients) {
      EXPECT_LE(relative_distance(gradient, expected.at(port)), kBound) << port;
      if (!argument_port(problem.schema(), port)->differentiable) continue;
      const Array<double> along = random_like(gradient.shape, 100);
      double scale = 0, got = 0;
      for (size_t i = 0; i < along.values.size(); i++) {
        got += gradient.values[i] * along.values[i];
        scale += std::fabs(gradient.values[i] * along.values[i]);
      }
      EXPECT_NEAR(got, derivative_along(problem, grad_output, port, along), kBound * std::max(scale, 1e-9)) << port;
    }
  }
};

TEST_P(DeviceGradients, OfTheLayerAsItStands) { expect_gradients(on_device()); }
TEST_P(DeviceGradients, OfTheFormThatTrainingRuns) { expect_gradients(for_training(on_device())); }

INSTANTIATE_TEST_SUITE_P(All, DeviceGradients, ::testing::ValuesIn(cases()), case_name);

}  // namespace
}  // namespace sluice::testing
