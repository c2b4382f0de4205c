// SPDX-License-Identifier: Apache-2.0
// The GPU schedules on the device that the program is linked for: every layer fixture, and a whole network.
#include <gtest/gtest.h>

#include "runtime/graph_file.h"
#include "runtime/model.h"
#include "runtime/training/gradients.h"
#include "tests/device/device_driver.h"
#include "tests/support/layer_fixture.h"
#include "weights_io/names/names.h"

namespace sluice::testing {
namespace {

// As for the CPU kernels: ten times what a plain float32 run of the independent reference got.
constexpr double kLayerBound = 4e-6, kNetworkBound = 8e-5;

using DeviceLayer = WithDevice<::testing::TestWithParam<std::string>>;
using DeviceDeepFill = WithDevice<::testing::Test>;

TEST_P(DeviceLayer, ForwardAsTheReference) {
  const Archive fixture = read_layer_fixture(GetParam());
  const Model model(one_layer_graph(fixture, device_kernels()), one_layer_weights(fixture), on_device());
  const TensorMap inputs = with_prefix(fixture.tensors, "in."), outputs = run_on_device(model, inputs);
  for (const auto &[name, expected] : with_prefix(fixture.tensors, "out.")) {
    EXPECT_LE(relative_error(outputs.at(output_tensor(name, inputs)), expected), kLayerBound) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, DeviceLayer, ::testing::ValuesIn(layer_fixture_names()),
                         [](const auto &test) { return test.param; });

TEST_F(DeviceDeepFill, WholeNetworkAsTheReference) {
  const std::filesystem::path models = source_folder() / "models";
  const Archive published = read_safetensors(fixture_path("deepfill2/cnum8.safetensors"));
  const Conversion weights = apply_names(read_names(models / "deepfill2.names"), published, "cnum8");
  LoadOptions options = on_device();
  options.parameters["width"] = "8";
  const Model model(read_graph(models / "deepfill2.graph", options.parameters), weights.tensors, options);
  const TensorMap fixture = read_safetensors(fixture_path("deepfill2/cnum8_forward.safetensors")).tensors;
  const TensorMap outputs = run_on_device(model, {{"image", fixture.at("in.image")}, {"mask", fixture.at("in.mask")}});
  EXPECT_LE(relative_error(outputs.at("x1"), fixture.at("out.x1")), kNetworkBound);
  EXPECT_LE(relative_error(outputs.at("x2"), fixture.at("out.x2")), kNetworkBound);
}

}  // namespace
}  // namespace sluice::testing

int main(int argc, char **argv) {
  ::testing::InitGoogleTest(&argc, argv);
  sluice::register_training();
  sluice::testing::watch_device();
  return RUN_ALL_TESTS();
}
