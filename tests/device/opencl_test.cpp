// SPDX-License-Identifier: Apache-2.0
// The GPU schedules, compiled for OpenCL and run by whatever OpenCL driver there is: PoCL runs them on the CPU. Every
// layer fixture, a whole network, views with gaps, and what a failing device leaves behind.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>

#include "runtime/graph_file.h"
#include "runtime/kernel_call.h"
#include "runtime/model.h"
#include "tests/device/opencl_driver.h"
#include "tests/support/layer_fixture.h"
#include "weights_io/error.h"
#include "weights_io/names/names.h"

namespace sluice::testing {
namespace {

// As for the CPU kernels: ten times what a plain float32 run of the independent reference got.
constexpr double kLayerBound = 4e-6, kNetworkBound = 8e-5;

using OpenCl = WithOpenCl<::testing::TestWithParam<std::string>>;

class OpenClLayer : public OpenCl {};

TEST_P(OpenClLayer, ForwardAsTheReference) {
  const Archive fixture = read_layer_fixture(GetParam());
  const Model model(one_layer_graph(fixture, device_kernels()), one_layer_weights(fixture), on_opencl());
  const TensorMap inputs = with_prefix(fixture.tensors, "in."), outputs = run_on_opencl(model, inputs);
  for (const auto &[name, expected] : with_prefix(fixture.tensors, "out.")) {
    EXPECT_LE(relative_error(outputs.at(output_tensor(name, inputs)), expected), kLayerBound) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, OpenClLayer, ::testing::ValuesIn(layer_fixture_names()),
                         [](const auto &test) { return test.param; });

TEST_F(OpenCl, WholeNetworkAsTheReference) {
  const std::filesystem::path models = std::filesystem::path(SLUICE_SOURCE_DIR) / "models";
  const Archive published = read_safetensors(fixture_path("deepfill2/cnum8.safetensors"));
  const Conversion weights = apply_names(read_names(models / "deepfill2.names"), published, "cnum8");
  LoadOptions options = on_opencl();
  options.parameters["width"] = "8";
  const Model model(read_graph(models / "deepfill2.graph", options.parameters), weights.tensors, options);
  const TensorMap fixture = read_safetensors(fixture_path("deepfill2/cnum8_forward.safetensors")).tensors;
  const TensorMap outputs = run_on_opencl(model, {{"image", fixture.at("in.image")}, {"mask", fixture.at("in.mask")}});
  EXPECT_LE(relative_error(outputs.at("x1"), fixture.at("out.x1")), kNetworkBound);
  EXPECT_LE(relative_error(outputs.at("x2"), fixture.at("out.x2")), kNetworkBound);
}

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
  EXPECT_EQ(opencl_buffers(), 0);
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
    EXPECT_EQ(opencl_buffers(), 0);
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
  EXPECT_EQ(opencl_buffers(), 0);
}

// ctest runs this one with the drivers hidden.
TEST(WithoutOpenCl, IsAnError) {
  if (missing_opencl().empty()) GTEST_SKIP() << "an OpenCL driver is installed";
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

int main(int argc, char **argv) {
  ::testing::InitGoogleTest(&argc, argv);
  sluice::testing::watch_opencl();
  return RUN_ALL_TESTS();
}
