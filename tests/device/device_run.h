// SPDX-License-Identifier: Apache-2.0
// The small network of branches.h, for tests on a device.
#pragma once
#include "tests/device/branches.h"
#include "tests/device/device_driver.h"
#include "tests/support/fixture.h"

namespace sluice::testing {

class DeviceRun : public WithDevice<::testing::Test> {
 protected:
  std::unique_ptr<Model> branches(const LoadOptions &options) const { return network_.model(options); }
  TensorMap inputs() const { return network_.inputs(); }
  static void expect_same(const TensorMap &values, const TensorMap &expected) {
    for (const auto &[name, tensor] : expected) EXPECT_LE(relative_error(values.at(name), tensor), 4e-6) << name;
  }
  const Branches network_{32};  // a part begins where PoCL lets a buffer begin
};

}  // namespace sluice::testing
