// SPDX-License-Identifier: Apache-2.0
// What becomes of a run that the device fails at: OpenCL's calls are made to fail.
#include <gtest/gtest.h>

#include <random>

#include "runtime/device.h"
#include "tests/device/device_run.h"
#include "tests/device/opencl_driver.h"
#include "weights_io/error.h"

namespace sluice::testing {
namespace {

class OpenClRun : public DeviceRun {};

// Faults of allocations, copies and launches, at random places: the CPU answers, nothing stays on the device, and the
// next run is the device's again.
TEST_F(OpenClRun, TheCpuComputesWhatTheDeviceFailsAt) {
  const TensorMap expected = branches({})->run(inputs());
  const int held = device_buffers();
  constexpr const char *kFunctions[] = {"clCreateBuffer", "clEnqueueNDRangeKernel", "clEnqueueReadBuffer",
                                        "clEnqueueWriteBuffer"};
  std::mt19937 random(1);
  int failed = 0;
  LoadOptions options = on_device();
  options.device = "auto:opencl";
  options.on_failure = [&](const std::string &reason) {
    failed++;
    EXPECT_NE(reason.find("CL_OUT_OF_RESOURCES"), std::string::npos) << reason;
  };
  {
    const std::unique_ptr<Model> model = branches(options);
    ASSERT_NE(model->device(), nullptr);
    for (int fault = 0; fault < 200; fault++) {
      const std::string function = kFunctions[random() % 4];
      const int most = function == "clEnqueueNDRangeKernel" ? 4 : function == "clEnqueueReadBuffer" ? 2 : 1;
      const int before = device_buffers();
      fail_opencl_call(function, 1 + static_cast<int>(random() % static_cast<unsigned>(most)));
      expect_same(model->run(inputs()), expected);
      EXPECT_EQ(failed, fault + 1) << function;
      EXPECT_EQ(device_buffers(), before) << function;
      if (fault % 20 == 0) expect_same(run_on_device(*model, inputs()), expected);
    }
  }
  EXPECT_EQ(device_buffers(), held);
}

// The weights do not fit: the same, from the first run on.
TEST_F(OpenClRun, TheCpuComputesWhatDoesNotFit) {
  LoadOptions options = on_device();
  options.device = "auto:opencl";
  int failed = 0;
  options.on_failure = [&](const std::string &) { failed++; };
  ASSERT_EQ(Device::open("opencl").missing(), "");
  fail_opencl_call("clCreateBuffer");
  const std::unique_ptr<Model> model = branches(options);
  const int launches = device_launches();
  expect_same(model->run(inputs()), branches({})->run(inputs()));
  EXPECT_EQ(device_launches(), launches);
  EXPECT_EQ(failed, 1);
}

TEST_F(OpenClRun, WithoutHelpAFailureIsAnError) {
  const std::unique_ptr<Model> model = branches(on_device());
  const int before = device_buffers();
  fail_opencl_call("clEnqueueNDRangeKernel", 3);
  try {
    model->run(inputs());
    ADD_FAILURE() << "no error";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::input_failed);
    EXPECT_NE(std::string(error.what()).find("model branches, node right: kernel "), std::string::npos) << error.what();
  }
  EXPECT_EQ(device_buffers(), before);
  expect_same(run_on_device(*model, inputs()), branches({})->run(inputs()));
}

}  // namespace
}  // namespace sluice::testing
