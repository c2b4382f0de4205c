// SPDX-License-Identifier: Apache-2.0
// Gradients of nodes that change their state as they run, by the state that they computed with: the one before the
// change or the one after it, as the layer says, and each its own where several share their weights.
#include <gtest/gtest.h>

#include "runtime/graph_file.h"
#include "runtime/training/gradients.h"
#include "tests/layers/layer_problem.h"

namespace sluice::testing {
namespace {

const std::string kLayer = "conv2d",
                  kAttributes = "kernel=3 channels=4 padding=same spectral_norm=train spectral_form=";

class UsedState : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (references().count(kLayer) == 0) GTEST_SKIP() << "this build is without " << kLayer << " (SLUICE_ONLY_LAYERS)";
  }
  std::string attributes() const { return kAttributes + GetParam(); }
};

StoredTensor stored(const Array<double> &array) {
  const std::vector<float> values(array.values.begin(), array.values.end());
  return StoredTensor::of_f32(array.shape, values.data());
}

// Against the double kernel, which is given the state by hand.
TEST_P(UsedState, IsThatOfTheRun) {
  Problem problem({kLayer, "used_state", attributes(), {{2, 3, 6, 7}}}, false);
  const Model model(problem.graph(), problem.tensors(true));
  const Array<double> grad_output = random_like({2, 4, 6, 7}, 5);
  const Operands<double> made = float_gradients(problem, grad_output);
  TensorMap state;
  RunOptions options;
  options.state = &state;
  model.run(problem.tensors(false), options);
  ASSERT_FALSE(state.empty());
  const bool before = problem.node().updates_state() == StateUpdate::before;
  for (const SchemaPort *port : problem.node().stored()) {
    const auto changed = state.find(problem.node().weight_name(*port));
    if (changed == state.end()) continue;
    EXPECT_NE(to_array(changed->second).values, problem.operands().at(port->name).values) << port->name;
    if (before) problem.replace(port->name, to_array(changed->second));
  }
  for (const auto &[port, expected] : derived_gradients(problem, grad_output)) {
    double largest = 0;
    for (const double v : expected.values) largest = std::max(largest, std::fabs(v));
    for (size_t i = 0; i < expected.values.size(); i++)
      ASSERT_NEAR(made.at(port).values[i], expected.values[i], 4e-6 * largest) << port << " " << i;
  }
}

// Two evaluations of one weight in a graph are one evaluation after the other.
TEST_P(UsedState, IsEachNodesOwn) {
  const std::string node =
      " channels=4 kernel=3 padding=same spectral_norm=train weights=w. spectral_form=" + GetParam();
  const auto text = [&](const std::string &name) {
    return "input x" + name + " [1 3 6 7]\n" + kLayer + " " + name + " from x" + name + node + "\noutput " + name +
           "\n";
  };
  const auto model_of = [](const std::string &lines, const TensorMap &weights) {
    return Model(parse_graph("model m\n" + lines, "m.graph", ParseOptions{}), weights);
  };
  Problem problem({kLayer, "shared", attributes(), {{1, 3, 6, 7}}}, false);
  TensorMap weights;
  for (const auto &[name, tensor] : problem.tensors(true)) weights["w." + name.substr(name.find('.') + 1)] = tensor;
  const TensorMap x{{"xa", stored(random_like({1, 3, 6, 7}, 1))}, {"xb", stored(random_like({1, 3, 6, 7}, 2))}};
  const TensorMap seeds{{"a", stored(random_like({1, 4, 6, 7}, 3))}, {"b", stored(random_like({1, 4, 6, 7}, 4))}};
  const TensorMap joint = gradients(model_of(text("a") + text("b"), weights), x, seeds);

  TensorMap sum, inputs_made;
  for (const std::string name : {"a", "b"}) {
    TensorMap state;
    RunOptions options;
    options.state = &state;
    const TensorMap alone =
        gradients(model_of(text(name), weights), {{"x" + name, x.at("x" + name)}}, {{name, seeds.at(name)}}, options);
    EXPECT_EQ(joint.at("x" + name), alone.at("x" + name));
    for (const auto &[weight, gradient] : alone) {
      const auto [total, first] = sum.emplace(weight, gradient);
      for (int64_t i = 0; !first && i < gradient.elements(); i++) total->second.f32()[i] += gradient.f32()[i];
    }
    for (const auto &[weight, tensor] : state) weights[weight] = tensor;
  }
  for (const auto &[weight, gradient] : sum) EXPECT_EQ(joint.at(weight), gradient) << weight;
}

INSTANTIATE_TEST_SUITE_P(Forms, UsedState, ::testing::Values("torch", "tf"),
                         [](const auto &test) { return test.param; });

}  // namespace
}  // namespace sluice::testing
