// SPDX-License-Identifier: Apache-2.0
// Depth in metres and in samples, and the way through graphs small enough to know the answer.
#include "runtime/tasks/depth.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "runtime/graph_file.h"
#include "tests/support/message_of.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

using testing::message_of;

// Padded to 32; the way out is max(lidar, 0).
constexpr const char *kCopy = R"(
model copy multiple=32
input image [n 3 h w] pad=edge
input lidar [n 1 h w]
activation seen from image activation=relu
activation depth from lidar activation=relu
output depth [n 1 h w]
output seen [n 3 h w]
)";
constexpr const char *kNegative = R"(
model negative
input image [n 3 h w]
input lidar [n 1 h w]
elementwise nothing from lidar,lidar operation=sub
elementwise depth from nothing,lidar operation=sub
output depth [n 1 h w]
)";
// Every other column: of a mirrored picture it takes the other ones.
constexpr const char *kLeftOfTwo = R"(
model left
input image [n 3 h w]
input lidar [n 1 h w]
resize half from lidar mode=nearest_floor output_size=1,2
resize depth from half mode=nearest_floor output_size=1,4
output depth [n 1 h w]
)";

Model model_of(const char *text) { return {parse_graph(text, "tiny.graph"), {}}; }

Picture depth_of(int width, int height, std::vector<uint16_t> samples) {
  return {.width = width, .height = height, .channels = 1, .bits = 16, .samples = std::move(samples)};
}

Picture colours(int width, int height) {
  Picture picture{.width = width, .height = height, .channels = 3, .bits = 8, .samples = {}};
  picture.samples.assign(picture.index(0, height, 0), 77);
  return picture;
}

TEST(Depth, EverySampleComesBackExactly) {
  Picture all = depth_of(256, 256, {});
  for (int sample = 0; sample < 65536; sample++) all.samples.push_back(static_cast<uint16_t>(sample));
  const StoredTensor metres = depth_to_tensor(all);
  EXPECT_EQ(metres.shape, (std::vector<int64_t>{1, 1, 256, 256}));
  EXPECT_EQ(metres.f32()[1], 0.00390625f);
  EXPECT_EQ(metres.f32()[256 * 80], 80);
  EXPECT_EQ(tensor_to_depth(metres, "depth").samples, all.samples);
}

TEST(Depth, IsClampedThenTruncated) {
  const float metres[] = {-1, -0.0f, 0.0039f, 0.0079f, 1.999f, 255.998f, 256, 1e30f};
  const Picture depth = tensor_to_depth(StoredTensor::of_f32({1, 1, 2, 4}, metres), "depth");
  EXPECT_EQ(depth.width, 4);
  EXPECT_EQ(depth.bits, 16);
  EXPECT_EQ(depth.samples, (std::vector<uint16_t>{0, 0, 0, 2, 511, 65535, 65535, 65535}));
  const float wrong[] = {std::numeric_limits<float>::quiet_NaN()};
  EXPECT_EQ(message_of([&] {
              tensor_to_depth(StoredTensor::of_f32({1, 1, 1, 1}, wrong), "depth");
            }),
            "output 'depth' holds values that are not finite numbers");
  EXPECT_EQ(message_of([&] {
              tensor_to_depth(StoredTensor::of_f32({1, 2, 2, 2}), "depth");
            }),
            "output 'depth': expected [1, 1, h, w], got [1, 2, 2, 2]");
}

TEST(Depth, RefusesOtherKindsOfPicture) {
  EXPECT_THROW(depth_to_tensor(colours(2, 2)), Error);
  EXPECT_THROW(depth_to_tensor({.width = 1, .height = 1, .channels = 1, .bits = 8, .samples = {1}}), Error);
  EXPECT_THROW(depth_to_tensor({.width = 1, .height = 1, .channels = 2, .bits = 16, .samples = {1, 1}}), Error);
}

TEST(NormalizedPicture, TakesMeanAndDeviationOfEachColour) {
  const Picture picture{.width = 1, .height = 1, .channels = 3, .bits = 8, .samples = {255, 0, 94}};
  const float expected[] = {(255 - 90.995f) / 79.2382f, -96.2278f / 80.5267f, (94 - 94.3213f) / 82.1483f};
  const StoredTensor rgb = normalized_picture(picture, "rgb"), bgr = normalized_picture(picture, "bgr");
  EXPECT_EQ(rgb.shape, (std::vector<int64_t>{1, 3, 1, 1}));
  for (size_t c = 0; c < 3; c++) {
    EXPECT_FLOAT_EQ(rgb.f32()[c], expected[c]);
    EXPECT_FLOAT_EQ(bgr.f32()[2 - c], expected[c]);
  }
}

TEST(CompleteDepth, TakesAnySizeAndGivesMetresBack) {
  Picture sparse = depth_of(37, 5, {});
  for (int i = 0; i < 37 * 5; i++) sparse.samples.push_back(static_cast<uint16_t>(i % 3 == 0 ? 350 * i : 0));
  const Model model = model_of(kCopy);
  for (const bool flip : {false, true}) {
    const Picture depth = complete_depth(model, colours(37, 5), sparse, flip);
    EXPECT_EQ(depth.width, 37);
    EXPECT_EQ(depth.height, 5);
    EXPECT_EQ(depth.bits, 16);
    EXPECT_EQ(depth.samples, sparse.samples);
  }
}

TEST(CompleteDepth, TakesNegativeDepthForNone) {
  const Picture depth = complete_depth(model_of(kNegative), colours(2, 1), depth_of(2, 1, {256, 0}), false);
  EXPECT_EQ(depth.samples, (std::vector<uint16_t>{0, 0}));
}

TEST(CompleteDepth, AveragesWithTheMirroredResult) {
  const Model model = model_of(kLeftOfTwo);
  const Picture sparse = depth_of(4, 1, {100, 200, 300, 401});
  EXPECT_EQ(complete_depth(model, colours(4, 1), sparse, false).samples, (std::vector<uint16_t>{100, 100, 300, 300}));
  EXPECT_EQ(complete_depth(model, colours(4, 1), sparse, true).samples, (std::vector<uint16_t>{150, 150, 350, 350}));
}

TEST(CompleteDepth, RefusesWhatDoesNotFit) {
  const Model model = model_of(kCopy);
  EXPECT_EQ(message_of([&] {
              complete_depth(model, colours(3, 2), depth_of(2, 2, {0, 0, 0, 0}), false);
            }),
            "the sparse depth is 2 x 2, the picture 3 x 2");
  const Model other = model_of(
      "model other\ninput image [n 3 h w]\nactivation depth from image activation=relu\noutput depth [n 3 h w]\n");
  EXPECT_EQ(message_of([&] { complete_depth(other, colours(1, 1), depth_of(1, 1, {0}), false); }),
            "model other cannot complete depth: it has no input 'lidar'");
}

}  // namespace
}  // namespace sluice
