// SPDX-License-Identifier: Apache-2.0
// Activations over all of their range, against double precision: kernels take e^v in a form of its own
// (generators/activation_functions.h), which is bounded.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "runtime/graph_file.h"
#include "runtime/model.h"
#include "tests/layers/layer_problem.h"

namespace sluice::testing {
namespace {

struct Range {
  std::string activation;
  double most_relative, most_absolute;
  std::function<double(double)> exact;
};

class ActivationRange : public ::testing::TestWithParam<Range> {};

// Steps of 2^-7 to either side of 0 as far as 200, powers of two as far as they go, and the largest numbers.
std::vector<float> samples() {
  std::vector<float> values{0.0f, std::numeric_limits<float>::max()};
  for (int i = 1; i <= 200 * 128; ++i) values.push_back(static_cast<float>(i) / 128);
  for (int i = -126; i <= 127; ++i) values.push_back(std::ldexp(1.0f, i));
  const size_t half = values.size();
  for (size_t i = 0; i < half; ++i) values.push_back(-values[i]);
  return values;
}

TEST_P(ActivationRange, IsExact) {
  if (references().count("activation") == 0) GTEST_SKIP() << "this build is without activation (SLUICE_ONLY_LAYERS)";
  const std::vector<float> values = samples();
  const std::vector<int64_t> shape{1, 1, 1, static_cast<int64_t>(values.size())};
  const std::string text =
      "model m\ninput x [n c h w]\nactivation y from x activation=" + GetParam().activation + "\noutput y\n";
  const Model model(parse_graph(text, "m.graph", ParseOptions{}), TensorMap{});
  const TensorMap outputs = model.run({{"x", StoredTensor::of_f32(shape, values.data())}});
  for (size_t i = 0; i < values.size(); ++i) {
    const double exact = GetParam().exact(values[i]);
    ASSERT_NEAR(outputs.at("y").f32()[i], exact, GetParam().most_relative * std::fabs(exact) + GetParam().most_absolute)
        << "of " << values[i];
  }
}

// Below -44 a sigmoid is that of -44.
const Range kRanges[] = {
    {"elu", 0, 3e-7, [](double v) { return v > 0 ? v : std::expm1(v); }},
    {"sigmoid", 5e-7, 8e-20, [](double v) { return 1 / (1 + std::exp(-v)); }},
    {"tanh", 0, 3e-7, [](double v) { return std::tanh(v); }},
};
INSTANTIATE_TEST_SUITE_P(, ActivationRange, ::testing::ValuesIn(kRanges),
                         [](const auto &param) { return param.param.activation; });

}  // namespace
}  // namespace sluice::testing
