// SPDX-License-Identifier: Apache-2.0
// Contextual attention, every inner step against the independent reference. The steps are kernels of their own
// (stage=<name>), made from the same definition.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/kernel_call.h"
#include "runtime/kernel_table.h"
#include "runtime/tensor_layout.h"
#include "tests/support/fixture.h"

namespace sluice::testing {
namespace {

constexpr double kValueBound = 4e-6;

// n c h w in a file as n h w c in memory.
struct Tensor {
  explicit Tensor(const StoredTensor &stored) {
    const auto &s = stored.shape;
    values.resize(static_cast<size_t>(stored.elements()));
    view = BufferView(values.data(), {s[1], s[3], s[2], s[0]});
    fill_input(GraphInput{}, stored, view);
  }
  std::vector<float> values;
  BufferView view;
};

std::vector<float> run_step(const std::string &step, const Archive &fixture) {
  const auto attributes = nlohmann::json::parse(fixture.metadata.at("attributes"));
  const Kernel *kernel = KernelTable::linked().find("contextual_attention", "step", "cpu", {{"stage", step}});
  if (kernel == nullptr) throw std::runtime_error("no step kernel " + step);
  Tensor input(fixture.tensors.at("in.input")), mask(fixture.tensors.at("in.mask"));
  KernelCall call(*kernel, step);
  call.bind("input", input.view);
  call.bind("mask", mask.view);
  call.bind_scalar("softmax_scale", attributes.at("softmax_scale").get<double>());
  call.bind_scalar("norm_floor", attributes.at("norm_floor").get<double>());
  for (const char *whole : {"part_x", "part_y", "part_width", "part_height"}) call.bind_scalar(whole, 0);
  const auto extents = call.query().at(step);
  std::vector<float> values(static_cast<size_t>(BufferView(nullptr, extents).elements()));
  call.bind(step, BufferView(values.data(), extents));
  call.run();
  return values;
}

void check_steps(const std::string &file, const std::vector<std::string> &steps) {
  const Archive fixture = read_safetensors(fixture_path("layers/" + file + ".safetensors"));
  for (const std::string &step : steps) {
    StoredTensor expected = fixture.tensors.at("keep." + step);
    if (step == "downsampled") {
      const Tensor turned(expected);
      std::copy(turned.values.begin(), turned.values.end(), expected.f32());
    }
    const std::vector<float> values = run_step(step, fixture);
    ASSERT_EQ(static_cast<int64_t>(values.size()), expected.elements()) << file << " " << step;
    EXPECT_LE(relative_error(StoredTensor::of_f32(expected.shape, values.data()), expected), kValueBound)
        << file << " " << step;
  }
}

const std::vector<std::string> kBeforeFuse{"downsampled", "mask_feature", "mask_small", "mm", "norm", "scores"};

TEST(ContextualAttentionSteps, EveryStep) {
  std::vector<std::string> steps = kBeforeFuse;
  steps.insert(steps.end(), {"fused_rows", "fused", "attention"});
  for (const char *file :
       {"contextual_attention_32x32", "contextual_attention_48x32_scale5", "contextual_attention_64x40"}) {
    check_steps(file, steps);
  }
}

TEST(ContextualAttentionSteps, BeforeTheFuseWhereThereIsNone) {
  check_steps("contextual_attention_40x56_nofuse", kBeforeFuse);
}

}  // namespace
}  // namespace sluice::testing

int main(int argc, char **argv) {
  ::testing::InitGoogleTest(&argc, argv);
  sluice::register_test_kernels(sluice::KernelTable::linked());
  return RUN_ALL_TESTS();
}
