// SPDX-License-Identifier: Apache-2.0
// Every case of every layer: values against plain loops in double, whole numbers without a differing bit, derived
// gradients in double against complex-step derivatives of the reference, the same bits for any number of threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "runtime/training/gradients.h"
#include "tests/layers/layer_problem.h"
#include "tests/support/case_name.h"
#include "weights_io/error.h"

namespace sluice::testing {
namespace {

constexpr double kGradientBound = 1e-6;

class LayerTest : public ::testing::TestWithParam<LayerCase> {};
class ExactLayerTest : public LayerTest {};  // the cases whose whole-number results have no rounding

void expect_values_within_bound(const LayerCase &one) {
  const Problem problem(one, false);
  const Array<double> output = run_kernel(problem),
                      reference = problem.reference().value(problem.attributes(), problem.operands());
  ASSERT_EQ(output.shape, reference.shape);
  const bool constant_result = one.constants.count("mask") != 0;
  EXPECT_TRUE(constant_result || is_telling(reference));
#ifdef SLUICE_FUZZ_FLOAT_STORES
  // A bit that is always cleared, in the longest sums at each of a thousand steps, adds up where rounding would not.
  EXPECT_LE(relative_distance(output, reference), 5e-5);
  return;
#endif
  const Array<double> bound = allowed_error(problem, reference);
  for (size_t i = 0; i < output.values.size(); i++) {
    ASSERT_LE(std::fabs(output.values[i] - reference.values[i]), bound.values[i])
        << "element " << i << " is " << output.values[i] << ", expected " << reference.values[i];
  }
}

TEST_P(LayerTest, ValuesWithinBound) { expect_values_within_bound(GetParam()); }

// Forward only: backward would store the padding. By every transform, and directly.
TEST(HugeDilation, ForwardHasTheMiddleTaps) {
  struct {
    const char *layer, *attributes;
    std::vector<int64_t> input;
  } const all[] = {{"conv2d", "kernel=3 channels=33", {1, 16, 4, 6}},
                   {"conv2d", "kernel=5 channels=33", {1, 5, 4, 6}},
                   {"conv2d", "kernel=3 channels=3", {1, 16, 4, 6}},
                   {"conv2d", "kernel=3 channels=33 stride=2", {1, 16, 4, 6}},
                   {"gated_conv2d", "kernel=3 channels=33", {1, 16, 4, 6}},
                   {"gated_conv2d", "kernel=3 channels=12", {1, 16, 4, 6}},
                   {"gated_conv3d", "kernel=3 channels=16", {1, 16, 2, 4, 6}}};
  for (const auto &one : all) {
    if (references().count(one.layer) == 0) continue;  // a build of some layers only
    const bool clip = one.input.size() == 5;
    for (const std::string dilation : {"1048576,1048576", "65536,3", "2,1048576"}) {
      const std::string text = one.attributes + std::string(" padding=same dilation=") + (clip ? "1," : "") + dilation;
      SCOPED_TRACE(one.layer + (" " + text));
      expect_values_within_bound({one.layer, "huge_dilation", text, {one.input}});
    }
  }
}

TEST_P(LayerTest, OtherOutputs) {
  const Problem problem(GetParam(), false);
  ASSERT_EQ(problem.reference().others.size() + 1, problem.schema().outputs.size());
  for (const auto &[name, value] : problem.reference().others) {
    const Array<double> output = run_kernel(problem, name), expected = value(problem.attributes(), problem.operands());
    EXPECT_EQ(output.shape, expected.shape) << name;
#ifdef SLUICE_FUZZ_FLOAT_STORES
    EXPECT_LE(relative_distance(output, expected), 5e-5) << name;
#else
    EXPECT_EQ(output.values, expected.values) << name;
#endif
  }
}

TEST_P(ExactLayerTest, WholeNumbersExact) {
  const Problem problem(GetParam(), true);
  const Array<double> output = run_kernel(problem),
                      reference = problem.reference().value(problem.attributes(), problem.operands());
  ASSERT_EQ(output.shape, reference.shape);
  EXPECT_TRUE(is_telling(reference));
  for (size_t i = 0; i < output.values.size(); i++) ASSERT_EQ(output.values[i], reference.values[i]) << "element " << i;
}

TEST_P(LayerTest, SameBitsForAnyThreadCount) {
  const Problem problem(GetParam(), false);
  set_threads(1);
  const std::vector<double> once = run_kernel(problem).values;
  for (const int count : {2, 4, 1, 3}) {
    set_threads(count);
    ASSERT_EQ(run_kernel(problem).values, once) << count << " threads";
  }
}

TEST_P(LayerTest, DerivedGradientIsTheDerivative) {
  const Problem problem(GetParam(), false);
  const Array<double> value = problem.reference().value(problem.attributes(), problem.operands());
  const Array<double> grad_output = random_like(value.shape, 7);
  if (!problem.schema().has_gradient()) {  // and no backward kernel: the walk goes past the layer
    for (const auto &[port, gradient] : float_gradients(problem, grad_output))
      EXPECT_EQ(gradient.values, std::vector<double>(gradient.values.size())) << port;
    return;
  }
  const Operands<double> gradients = derived_gradients(problem, grad_output);
  for (const auto &[port, gradient] : gradients) {
    for (uint32_t direction = 0; direction < 3; direction++) {
      const Array<double> along = random_like(gradient.shape, 100 + direction);
      const double expected = derivative_along(problem, grad_output, port, along);
      double scale = 0, got = 0;
      for (size_t i = 0; i < along.values.size(); i++) {
        got += gradient.values[i] * along.values[i];
        scale += std::fabs(gradient.values[i] * along.values[i]);
      }
      EXPECT_LE(std::fabs(got - expected), kGradientBound * std::max(scale, 1e-12))
          << port << ", direction " << direction << ": " << got << " vs " << expected;
    }
  }
}

// The float32 backward kernel does on whole numbers what the one in double does.
TEST_P(ExactLayerTest, WholeNumberGradientsExact) {
  const Problem problem(GetParam(), true);
  const Array<double> value = problem.reference().value(problem.attributes(), problem.operands());
  const Array<double> grad_output = random_like(value.shape, 9, true);
  const Operands<double> expected = derived_gradients(problem, grad_output);
  const Operands<double> made = float_gradients(problem, grad_output);
  for (const auto &[port, gradient] : expected) {
    const auto ours = made.find(port);
    if (ours == made.end()) continue;  // bias=false
    for (size_t i = 0; i < gradient.values.size(); i++) {
      ASSERT_EQ(ours->second.values[i], gradient.values[i]) << port << " element " << i;
    }
  }
}

// What a case of a layer is refused with; the test is skipped where the build is without the layer.
void expect_refusal(const LayerCase &one, const std::string &reason) {
  if (references().count(one.layer) == 0) GTEST_SKIP() << "this build is without " << one.layer;
  try {
    const Problem problem(one, false);
    run_kernel(problem);
    FAIL() << "not refused";
  } catch (const Error &error) {
    EXPECT_NE(std::string(error.what()).find(reason), std::string::npos) << error.what();
  }
}

// There is no convolution whose padding it could be.
TEST(Refused, TransposedSamePaddingWithoutSize) {
  expect_refusal({"conv_transpose2d", "same", "kernel=3 stride=2 padding=same channels=4", {{1, 3, 4, 4}}},
                 "padding_same<=output_height");
}

TEST(Refused, GuidanceOfAnotherSizeThanTheOutput) {
  expect_refusal(
      {"generated_guided_conv2d", "size", "kernel=3 generation_kernel=3 padding=0", {{1, 4, 6, 9}, {1, 5, 6, 9}}},
      "guidance.x=output.x, got 9 and 7");
}

// The form of the layer that training runs, with the kernels that it has beside the derived ones.
TEST_P(LayerTest, TrainingFormHasTheGradient) {
  // Winograd's sums are within 1.5e-6; the gate and sums over pixels that nearly cancel make more of it.
  constexpr double kFormBound = 2e-5;
  const Problem problem(GetParam(), false);
  const Array<double> value = problem.reference().value(problem.attributes(), problem.operands());
  const Array<double> grad_output = random_like(value.shape, 7);
  const Operands<double> expected = derived_gradients(problem, grad_output);
  for (const auto &[port, made] : float_gradients(problem, grad_output, for_training())) {
    const auto derived = expected.find(port);
    if (derived == expected.end()) continue;
    ASSERT_EQ(made.shape, derived->second.shape) << port;
    EXPECT_LE(relative_distance(made, derived->second), kFormBound) << port;
  }
}

TEST_P(LayerTest, TrainingFormHasTheSameBitsForAnyThreadCount) {
  const Problem problem(GetParam(), false);
  const Array<double> value = problem.reference().value(problem.attributes(), problem.operands());
  const Array<double> grad_output = random_like(value.shape, 7);
  set_threads(1);
  const Operands<double> once = float_gradients(problem, grad_output, for_training());
  for (const int count : {2, 3}) {
    set_threads(count);
    for (const auto &[port, made] : float_gradients(problem, grad_output, for_training()))
      ASSERT_EQ(made.values, once.at(port).values) << port << ", " << count << " threads";
  }
}

std::vector<LayerCase> exact_cases() {
  std::vector<LayerCase> exact;
  std::copy_if(cases().begin(), cases().end(), std::back_inserter(exact),
               [](const LayerCase &one) { return one.exact; });
  return exact;
}

INSTANTIATE_TEST_SUITE_P(All, LayerTest, ::testing::ValuesIn(cases()), case_name);
INSTANTIATE_TEST_SUITE_P(All, ExactLayerTest, ::testing::ValuesIn(exact_cases()), case_name);

}  // namespace
}  // namespace sluice::testing

int main(int argc, char **argv) {
  ::testing::InitGoogleTest(&argc, argv);
  sluice::register_training();
  sluice::register_test_kernels(sluice::KernelTable::linked());
  return RUN_ALL_TESTS();
}
