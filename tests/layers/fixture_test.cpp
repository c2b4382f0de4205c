// SPDX-License-Identifier: Apache-2.0
// Every layer fixture: a one-layer graph is written from the file's attributes and run forward and backward.
// Bounds: ten times what a plain float32 run of the independent reference got (4e-7 values, 8e-5 gradients).
#include <gtest/gtest.h>

#include "runtime/model.h"
#include "runtime/training/gradients.h"
#include "tests/support/layer_fixture.h"

namespace sluice::testing {
namespace {

constexpr double kValueBound = 4e-6, kGradientBound = 8e-4;

class LayerFixture : public ::testing::TestWithParam<std::string> {};

TEST_P(LayerFixture, ForwardAndBackward) {
  const Archive fixture = read_layer_fixture(GetParam());
  const std::string &layer = fixture.metadata.at("layer");
  if (!is_built(layer, KernelTable::linked()))
    GTEST_SKIP() << "this build is without " << layer << " (SLUICE_ONLY_LAYERS)";
  const TensorMap inputs = with_prefix(fixture.tensors, "in.");
  const Model model(one_layer_graph(fixture, KernelTable::linked()), one_layer_weights(fixture));
  TensorMap state;
  RunOptions options;
  options.state = &state;
  const TensorMap outputs = model.run(inputs, options);
  for (const auto &[name, expected] : with_prefix(fixture.tensors, "out.")) {
    const StoredTensor &made = outputs.at(output_tensor(name, inputs));
    EXPECT_EQ(made.shape, expected.shape) << name;
    EXPECT_LE(relative_error(made, expected), kValueBound) << name;
  }
  for (const auto &[name, expected] : with_prefix(fixture.tensors, "state_out.")) {
    ASSERT_EQ(state.count("node." + name), 1u) << name;
    EXPECT_LE(relative_error(state.at("node." + name), expected), kValueBound) << name;
  }

  const TensorMap made = gradients(model, inputs, with_prefix(fixture.tensors, "gradout."));
  const TensorMap expected = with_prefix(fixture.tensors, "grad.");
  ASSERT_FALSE(expected.empty());
  double largest = 0;
  for (const auto &entry : expected) largest = std::max(largest, largest_magnitude(entry.second));
  for (const auto &[name, gradient] : expected) {
    const std::string ours = inputs.count(name) != 0 ? name : "node." + name;
    ASSERT_EQ(made.count(ours), 1u) << ours;
    EXPECT_EQ(made.at(ours).shape, gradient.shape) << ours;
    EXPECT_LE(relative_error(made.at(ours), gradient, 1e-3 * largest), kGradientBound) << ours;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, LayerFixture, ::testing::ValuesIn(layer_fixture_names()),
                         [](const auto &test) { return test.param; });

}  // namespace
}  // namespace sluice::testing

int main(int argc, char **argv) {
  ::testing::InitGoogleTest(&argc, argv);
  sluice::register_training();
  return RUN_ALL_TESTS();
}
