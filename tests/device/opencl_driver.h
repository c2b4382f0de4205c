// SPDX-License-Identifier: Apache-2.0
// The device driver of tests for OpenCL, where calls can be made to fail.
#pragma once
#include <string>

#include "tests/device/device_driver.h"

namespace sluice::testing {

// The `count`-th call from now of one of the watched functions fails: clCreateBuffer, clEnqueueNDRangeKernel,
// clEnqueueReadBuffer, clEnqueueWriteBuffer.
void fail_opencl_call(const std::string &function, int count = 1);

}  // namespace sluice::testing
