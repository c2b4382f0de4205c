// SPDX-License-Identifier: Apache-2.0
// Whole networks by GPU schedules: every layer on the device, tensors left there between layers.
#include <gtest/gtest.h>

#include "runtime/device_block.h"
#include "tests/device/device_run.h"
#include "tests/models/network_cases.h"

namespace sluice::testing {
namespace {

using DeviceNetwork = WithDevice<::testing::TestWithParam<NetworkCase>>;

TEST_P(DeviceNetwork, AsTheReference) {
  const Network network = load_network(GetParam(), on_device());
  TensorMap state;
  RunOptions options;
  options.state = &state;
  const TensorMap outputs = run_on_device(*network.model, inputs_of(network), options);
  for (const auto &[name, expected] : with_prefix(network.fixture.tensors, "out.")) {
    const auto made = outputs.find(name);
    if (made == outputs.end()) continue;
    EXPECT_LE(relative_error(made->second, expected), GetParam().value_bound) << name;
  }
  for (const auto &[name, expected] : load_network(GetParam()).model->run(inputs_of(network)))
    EXPECT_LE(relative_error(outputs.at(name), expected), 2 * GetParam().value_bound) << name;
}

INSTANTIATE_TEST_SUITE_P(Fixtures, DeviceNetwork, ::testing::ValuesIn(network_cases()), [](const auto &test) {
  std::string name = test.param.fixture;
  for (char &c : name) c = c == '/' ? '_' : c;
  return name;
});

// The weights go up once, the picture once a run, the two outputs come down once: nothing between.
TEST_F(DeviceRun, TensorsStayOnTheDevice) {
  const std::unique_ptr<Model> model = branches(on_device());
  const TensorMap expected = branches({})->run(inputs());
  for (int run = 0; run < 2; run++) {
    const int64_t up = DeviceBlock::bytes_up(), down = DeviceBlock::bytes_down();
    expect_same(run_on_device(*model, inputs()), expected);
    EXPECT_EQ(DeviceBlock::bytes_up() - up, network_.input_bytes());
    EXPECT_EQ(DeviceBlock::bytes_down() - down, network_.output_bytes());
  }
}

TEST_F(DeviceRun, OtherWeightsArePutThere) {
  const std::unique_ptr<Model> model = branches(on_device()), on_cpu = branches({});
  TensorMap others{{"stem.weight", StoredTensor::of_f32({32, 3, 3, 3})}};
  for (int64_t i = 0; i < others.at("stem.weight").elements(); i++)
    others.at("stem.weight").f32()[i] = 0.01f * static_cast<float>(i % 11 - 5);
  model->replace_weights(others);
  on_cpu->replace_weights(others);
  expect_same(run_on_device(*model, inputs()), on_cpu->run(inputs()));
}

}  // namespace
}  // namespace sluice::testing
