// SPDX-License-Identifier: Apache-2.0
// Whole networks by GPU schedules, run through OpenCL: every layer on the device, tensors left there between layers,
// and what becomes of a run that the device fails at.
#include <gtest/gtest.h>

#include <random>

#include "runtime/device.h"
#include "runtime/device_block.h"
#include "tests/device/branches.h"
#include "tests/device/opencl_driver.h"
#include "tests/models/network_cases.h"
#include "weights_io/error.h"

namespace sluice::testing {
namespace {

using OpenClNetwork = WithOpenCl<::testing::TestWithParam<NetworkCase>>;

TEST_P(OpenClNetwork, AsTheReference) {
  const Network network = load_network(GetParam(), on_opencl());
  TensorMap state;
  RunOptions options;
  options.state = &state;
  const TensorMap outputs = run_on_opencl(*network.model, inputs_of(network), options);
  for (const auto &[name, expected] : with_prefix(network.fixture.tensors, "out.")) {
    const auto made = outputs.find(name);
    if (made == outputs.end()) continue;
    EXPECT_LE(relative_error(made->second, expected), GetParam().value_bound) << name;
  }
  for (const auto &[name, expected] : load_network(GetParam()).model->run(inputs_of(network)))
    EXPECT_LE(relative_error(outputs.at(name), expected), 2 * GetParam().value_bound) << name;
}

INSTANTIATE_TEST_SUITE_P(Fixtures, OpenClNetwork, ::testing::ValuesIn(network_cases()), [](const auto &test) {
  std::string name = test.param.fixture;
  for (char &c : name) c = c == '/' ? '_' : c;
  return name;
});

class OpenClRun : public WithOpenCl<::testing::Test> {
 protected:
  std::unique_ptr<Model> branches(const LoadOptions &options) const { return network_.model(options); }
  TensorMap inputs() const { return network_.inputs(); }
  static void expect_same(const TensorMap &values, const TensorMap &expected) {
    for (const auto &[name, tensor] : expected) EXPECT_LE(relative_error(values.at(name), tensor), 4e-6) << name;
  }
  const Branches network_{32};  // a part begins where PoCL lets a buffer begin
};

// The weights go up once, the picture once a run, the two outputs come down once: nothing between.
TEST_F(OpenClRun, TensorsStayOnTheDevice) {
  const std::unique_ptr<Model> model = branches(on_opencl());
  const TensorMap expected = branches({})->run(inputs());
  for (int run = 0; run < 2; run++) {
    const int64_t up = DeviceBlock::bytes_up(), down = DeviceBlock::bytes_down();
    expect_same(run_on_opencl(*model, inputs()), expected);
    EXPECT_EQ(DeviceBlock::bytes_up() - up, network_.input_bytes());
    EXPECT_EQ(DeviceBlock::bytes_down() - down, network_.output_bytes());
  }
}

TEST_F(OpenClRun, OtherWeightsArePutThere) {
  const std::unique_ptr<Model> model = branches(on_opencl()), on_cpu = branches({});
  TensorMap others{{"stem.weight", StoredTensor::of_f32({32, 3, 3, 3})}};
  for (int64_t i = 0; i < others.at("stem.weight").elements(); i++)
    others.at("stem.weight").f32()[i] = 0.01f * static_cast<float>(i % 11 - 5);
  model->replace_weights(others);
  on_cpu->replace_weights(others);
  expect_same(run_on_opencl(*model, inputs()), on_cpu->run(inputs()));
}

// Faults of allocations, copies and launches, at random places: the CPU answers, nothing stays on the device, and the
// next run is the device's again.
TEST_F(OpenClRun, TheCpuComputesWhatTheDeviceFailsAt) {
  const TensorMap expected = branches({})->run(inputs());
  const int held = opencl_buffers();
  constexpr const char *kFunctions[] = {"clCreateBuffer", "clEnqueueNDRangeKernel", "clEnqueueReadBuffer",
                                        "clEnqueueWriteBuffer"};
  std::mt19937 random(1);
  int failed = 0;
  LoadOptions options = on_opencl();
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
      const int before = opencl_buffers();
      fail_opencl_call(function, 1 + static_cast<int>(random() % static_cast<unsigned>(most)));
      expect_same(model->run(inputs()), expected);
      EXPECT_EQ(failed, fault + 1) << function;
      EXPECT_EQ(opencl_buffers(), before) << function;
      if (fault % 20 == 0) expect_same(run_on_opencl(*model, inputs()), expected);
    }
  }
  EXPECT_EQ(opencl_buffers(), held);
}

// The weights do not fit: the same, from the first run on.
TEST_F(OpenClRun, TheCpuComputesWhatDoesNotFit) {
  LoadOptions options = on_opencl();
  options.device = "auto:opencl";
  int failed = 0;
  options.on_failure = [&](const std::string &) { failed++; };
  ASSERT_EQ(Device::open("opencl").missing(), "");
  fail_opencl_call("clCreateBuffer");
  const std::unique_ptr<Model> model = branches(options);
  const int launches = opencl_launches();
  expect_same(model->run(inputs()), branches({})->run(inputs()));
  EXPECT_EQ(opencl_launches(), launches);
  EXPECT_EQ(failed, 1);
}

TEST_F(OpenClRun, WithoutHelpAFailureIsAnError) {
  const std::unique_ptr<Model> model = branches(on_opencl());
  const int before = opencl_buffers();
  fail_opencl_call("clEnqueueNDRangeKernel", 3);
  try {
    model->run(inputs());
    ADD_FAILURE() << "no error";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::input_failed);
    EXPECT_NE(std::string(error.what()).find("model branches, node right: kernel "), std::string::npos) << error.what();
  }
  EXPECT_EQ(opencl_buffers(), before);
  expect_same(run_on_opencl(*model, inputs()), branches({})->run(inputs()));
}

}  // namespace
}  // namespace sluice::testing
