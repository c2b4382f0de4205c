// SPDX-License-Identifier: Apache-2.0
// Single calls through OpenCL: views with gaps, and what a failing device leaves behind.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>

#include "runtime/kernel_call.h"
#include "tests/device/opencl_driver.h"
#include "weights_io/error.h"

namespace sluice::testing {
namespace {

using OpenCl = WithDevice<::testing::Test>;

// ---- one call: b = max(a, 0)

const Kernel &relu() {
  const Kernel *kernel =
      device_kernels().find("activation", "forward", "opencl", {{"activation", "none+relu+leaky_relu"}});
  if (kernel == nullptr) throw std::runtime_error("no such kernel");
  return *kernel;
}

struct Call {
  Call(const BufferView &from, const BufferView &to) : call(relu(), "here") {
    call.bind("input", from);
    call.bind("output", to);
    call.bind_scalar("activation_kind", 1);  // relu
    call.bind_scalar("negative_slope", 0);
  }
  KernelCall call;
};

// Channels 1..2 of 5, read from and written to pictures whose rows are longer than what is used of them.
TEST_F(OpenCl, ViewsWithGaps) {
  const std::vector<int64_t> extents{2, 3, 4, 2}, strides{1, 5, 5 * 7, 5 * 7 * 4};
  constexpr size_t kFirst = 1, kSize = 5 * 7 * 4 * 2;
  std::vector<float> from(kSize), to(kSize), expected(kSize);
  for (size_t i = 0; i < kSize; i++) {
    from[i] = (i % 3 == 0 ? -1.0f : 1.0f) * static_cast<float>(i);
    to[i] = expected[i] = 1000.0f + static_cast<float>(i);
  }
  for (size_t i = 0; i < 2 * 3 * 4 * 2; i++) {
    const size_t at = kFirst + i % 2 + i / 2 % 3 * 5 + i / 6 % 4 * 35 + i / 24 * 140;
    expected[at] = std::max(from[at], 0.0f);
  }
  Call(BufferView(from.data() + kFirst, extents, strides), BufferView(to.data() + kFirst, extents, strides)).call.run();
  EXPECT_EQ(to, expected);
  EXPECT_EQ(device_buffers(), 0);
}

struct Dense {
  std::vector<float> from = std::vector<float>(24, -1.0f), to = std::vector<float>(24, 5.0f);
  Call call() { return Call(BufferView(from.data(), {2, 3, 4, 1}), BufferView(to.data(), {2, 3, 4, 1})); }
};

TEST_F(OpenCl, FailingCallsAreErrorsAndLeaveNothingBehind) {
  for (const auto &[function, count] : {std::pair{"clCreateBuffer", 1},
                                        {"clCreateBuffer", 2},
                                        {"clEnqueueWriteBuffer", 1},
                                        {"clEnqueueNDRangeKernel", 1},
                                        {"clEnqueueReadBuffer", 1}}) {
    SCOPED_TRACE(std::string(function) + " " + std::to_string(count));
    Dense dense;
    dense.call().call.run();
    fail_opencl_call(function, count);
    try {
      dense.call().call.run();
      ADD_FAILURE() << "no error";
    } catch (const Error &error) {
      EXPECT_EQ(error.code(), ErrorCode::input_failed);
      EXPECT_NE(std::string(error.what()).find("here: kernel " + relu().symbol), std::string::npos) << error.what();
      std::printf("%s\n", error.what());
    }
    EXPECT_EQ(device_buffers(), 0);
    dense.to.assign(24, 5.0f);
    dense.call().call.run();
    EXPECT_EQ(dense.to, std::vector<float>(24, 0.0f));
  }
}

TEST_F(OpenCl, CancelledCallLeavesNothingBehind) {
  const std::atomic<bool> cancelled{true};
  CallContext context;
  context.cancelled = &cancelled;
  Dense dense;
  try {
    dense.call().call.run(&context);
    ADD_FAILURE() << "no error";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::interrupted);
  }
  EXPECT_EQ(device_buffers(), 0);
}

// ctest runs this one with the drivers hidden.
TEST(WithoutOpenCl, IsAnError) {
  if (missing_device().empty()) GTEST_SKIP() << "an OpenCL driver is installed";
  Dense dense;
  try {
    dense.call().call.run();
    ADD_FAILURE() << "no error";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::input_failed);
    std::printf("%s\n", error.what());
  }
}

}  // namespace
}  // namespace sluice::testing
