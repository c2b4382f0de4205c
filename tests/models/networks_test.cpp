// SPDX-License-Identifier: Apache-2.0
// The networks end to end against the independent reference, at small widths: inner tensors, outputs, what training
// runs make of the state, gradients of inputs and of every weight. Weights are loaded under their published names.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/training/gradients.h"
#include "tests/models/network_cases.h"

namespace sluice::testing {
namespace {

bool makes(const Network &network, const std::string &tensor) {
  const auto &nodes = network.model->graph().nodes;
  return std::any_of(nodes.begin(), nodes.end(), [&](const Node &node) {
    return std::find(node.outputs.begin(), node.outputs.end(), tensor) != node.outputs.end();
  });
}

// Mean binary cross entropy of `frames`, and its gradient; the graph has no loss.
double cross_entropy(const StoredTensor &frames, const StoredTensor &target, StoredTensor &gradient) {
  double sum = 0;
  const auto count = static_cast<double>(frames.elements());
  gradient = StoredTensor::of_f32(frames.shape);
  for (int64_t i = 0; i < frames.elements(); i++) {
    const double p = frames.f32()[i], t = target.f32()[i];
    sum -= (t * std::log(p) + (1 - t) * std::log(1 - p)) / count;
    gradient.f32()[i] = static_cast<float>(((1 - t) / (1 - p) - t / p) / count);
  }
  return sum;
}

class NetworkTest : public ::testing::TestWithParam<NetworkCase> {};

TEST_P(NetworkTest, ValuesAsTheReference) {
  const Network network = load_network(GetParam());
  TensorMap state;
  RunOptions options;
  options.state = &state;
  const TensorMap kept = with_prefix(network.fixture.tensors, "keep.");
  for (const auto &entry : kept) {
    if (entry.first.find('#') != std::string::npos) continue;  // a later call of a module
    ASSERT_TRUE(makes(network, entry.first)) << entry.first;
    options.keep.push_back(entry.first);
  }
  const TensorMap made = network.model->run(inputs_of(network), options);
  const double bound = GetParam().value_bound;
  for (const std::string &name : options.keep) EXPECT_LE(relative_error(made.at(name), kept.at(name)), bound) << name;
  for (const auto &[name, expected] : with_prefix(network.fixture.tensors, "out.")) {
    if (name == "bce") {
      StoredTensor gradient;
      EXPECT_NEAR(cross_entropy(made.at("frames"), network.fixture.tensors.at("in.target"), gradient),
                  expected.f32()[0], bound);
      continue;
    }
    EXPECT_EQ(made.at(name).shape, expected.shape) << name;
    EXPECT_LE(relative_error(made.at(name), expected), bound) << name;
  }
  for (const auto &[name, expected] : with_prefix(network.fixture.tensors, "state_out.")) {
    const auto ours = network.ours.find(name);
    if (ours == network.ours.end()) continue;  // a copy under a second name
    ASSERT_EQ(state.count(ours->second), 1u) << name;
    EXPECT_LE(relative_error(state.at(ours->second), expected), bound) << name;
  }
}

class NetworkGradientTest : public NetworkTest {};  // the fixtures that have gradients

TEST_P(NetworkGradientTest, GradientsAsTheReference) {
  LoadOptions options;
  options.algorithm = "direct";
  const Network network = load_network(GetParam(), options);
  const TensorMap expected = with_prefix(network.fixture.tensors, "grad.");
  ASSERT_FALSE(expected.empty());
  const TensorMap inputs = inputs_of(network);
  TensorMap seeds = with_prefix(network.fixture.tensors, "gradout.");
  StoredTensor target_gradient;
  if (seeds.count("bce") != 0) {
    StoredTensor gradient;
    cross_entropy(network.model->run(inputs).at("frames"), network.fixture.tensors.at("in.target"), gradient);
    for (int64_t i = 0; i < gradient.elements(); i++)
      seeds.at("frames").f32()[i] += gradient.f32()[i] * seeds.at("bce").f32()[0];
    seeds.erase("bce");
  }
  const TensorMap made = gradients(*network.model, inputs, seeds);
  double largest = 0;
  for (const auto &entry : expected) largest = std::max(largest, largest_magnitude(entry.second));
  for (const auto &[name, gradient] : expected) {
    if (name == "target") continue;
    const auto weight = network.ours.find(name);
    const std::string ours = weight == network.ours.end() ? name : weight->second;
    ASSERT_EQ(made.count(ours), 1u) << ours;
    EXPECT_LE(relative_error(made.at(ours), gradient, 1e-3 * largest), GetParam().gradient_bound) << ours;
  }
}

std::string fixture_name(const ::testing::TestParamInfo<NetworkCase> &test) {
  std::string name = test.param.fixture;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}
std::vector<NetworkCase> gradient_cases() {
  std::vector<NetworkCase> cases = network_cases();
  std::erase_if(cases, [](const NetworkCase &one) { return one.gradient_bound == 0; });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Fixtures, NetworkTest, ::testing::ValuesIn(network_cases()), fixture_name);
INSTANTIATE_TEST_SUITE_P(Fixtures, NetworkGradientTest, ::testing::ValuesIn(gradient_cases()), fixture_name);

}  // namespace
}  // namespace sluice::testing

int main(int argc, char **argv) {
  ::testing::InitGoogleTest(&argc, argv);
  sluice::register_training();
  return RUN_ALL_TESTS();
}
