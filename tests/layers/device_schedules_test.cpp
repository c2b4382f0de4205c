// SPDX-License-Identifier: Apache-2.0
// What GPU schedules ask of a device: launches of a layer and memory, counted on the stand-in for CUDA's driver.
#include <gtest/gtest.h>

#include <cstdio>

#include "runtime/graph_file.h"
#include "runtime/model.h"
#include "tests/device/cuda_stub.h"
#include "tests/layers/layer_problem.h"
#include "tests/support/case_name.h"

namespace sluice::testing {
namespace {

// Launches at most, forward: of a norm one for the moments of rows, two for every union of them, the quotients, the
// rest. One for each stage would be 18 to 29.
const std::map<std::string, size_t> &most_launches() {
  static const std::map<std::string, size_t> most{
      {"instance_norm2d", 5},       {"adain", 5},   {"group_norm", 9},   {"batch_norm2d", 7},     {"batch_moments", 6},
      {"batch_norm_of_moments", 4}, {"softmax", 4}, {"l2_normalize", 2}, {"global_avg_pool2d", 2}};
  return most;
}

std::vector<LayerCase> counted_cases() {
  std::vector<LayerCase> counted;
  for (const LayerCase &one : cases())
    if (most_launches().count(one.layer) != 0) counted.push_back(one);
  return counted;
}

class DeviceLaunches : public ::testing::TestWithParam<LayerCase> {};

TEST_P(DeviceLaunches, AreFew) {
  const Problem problem(GetParam(), false);
  const Model model(problem.graph(), problem.tensors(true), on_cuda());
  const size_t before = cuda_launches().size();
  model.run(problem.tensors(false));
  EXPECT_LE(cuda_launches().size() - before, most_launches().at(GetParam().layer));
}

INSTANTIATE_TEST_SUITE_P(All, DeviceLaunches, ::testing::ValuesIn(counted_cases()), case_name);

// Bytes that a run takes for an input of that side, its tensors included.
int64_t taken_by_attention(int64_t side) {
  const LoadOptions options = on_cuda();
  const std::string text =
      "model attention\ninput image [1 4 h w]\ninput mask [1 1 h w]"
      "\ncontextual_attention answer from image,mask kernel=3 rate=2 softmax_scale=10 fuse=true\noutput answer\n";
  const Model model(parse_graph(text, "attention.graph", parse_options(options)), {}, options);
  TensorMap inputs{{"image", StoredTensor::of_f32({1, 4, side, side})},
                   {"mask", StoredTensor::of_f32({1, 1, side, side})}};
  const int64_t before = cuda_taken();
  model.run(inputs);
  return cuda_taken() - before;
}

// Beyond a tile of 16x16 queries it grows with the pixels, which are four times as many, not with pairs of them, of
// which there are sixteen times as many: those of the larger picture would be 1.1 GB a stage.
TEST(DeviceMemory, AttentionKeepsNoMatrixOfPairs) {
  const int64_t small = taken_by_attention(128), large = taken_by_attention(256);
  std::printf("of 128x128: %lld bytes, of 256x256: %lld\n", static_cast<long long>(small),
              static_cast<long long>(large));
  EXPECT_LT(large, 5 * small);
  EXPECT_LT(large, int64_t{400} << 20);
}

}  // namespace
}  // namespace sluice::testing
