// SPDX-License-Identifier: Apache-2.0
// The cases of layers that no file of tests/fixtures/layers names, by their GPU schedules and by their CPU schedules.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "tests/device/device_driver.h"
#include "tests/layers/layer_problem.h"
#include "tests/support/case_name.h"
#include "tests/support/layer_fixture.h"

namespace sluice::testing {
namespace {

constexpr double kBound = 4e-6;  // as for the fixtures

std::vector<LayerCase> cases_without_fixture() {
  std::set<std::string> named;
  for (const std::string &name : layer_fixture_names()) named.insert(read_layer_fixture(name).metadata.at("layer"));
  std::vector<LayerCase> others;
  std::copy_if(cases().begin(), cases().end(), std::back_inserter(others),
               [&](const LayerCase &one) { return named.count(one.layer) == 0; });
  return others;
}

using DeviceCase = WithDevice<::testing::TestWithParam<LayerCase>>;

TEST_P(DeviceCase, AsTheCpu) {
  const Problem problem(GetParam(), false);
  const Model model(problem.graph(), problem.tensors(true), on_device());
  const int before = device_launches();
  const TensorMap outputs = model.run(problem.tensors(false));
  EXPECT_GT(device_launches(), before);
  const Model on_cpu(problem.graph(), problem.tensors(true));
  for (const auto &[name, expected] : on_cpu.run(problem.tensors(false)))
    EXPECT_LE(relative_error(outputs.at(name), expected), kBound) << name;
}

INSTANTIATE_TEST_SUITE_P(All, DeviceCase, ::testing::ValuesIn(cases_without_fixture()), case_name);

}  // namespace
}  // namespace sluice::testing
