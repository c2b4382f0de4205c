// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "tests/layers/layer_cases.h"

namespace sluice::testing {

inline std::string case_name(const ::testing::TestParamInfo<LayerCase> &test) {
  return test.param.layer + "_" + test.param.name;
}

}  // namespace sluice::testing
