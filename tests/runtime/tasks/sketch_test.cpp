// SPDX-License-Identifier: Apache-2.0
// Completions, colours and the pictures made of them, with graphs whose answer is known: sketch + noise + class.
#include "runtime/tasks/sketch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "runtime/graph_file.h"
#include "runtime/noise.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr const char *kShape = R"(
model shape
input sketch [n 1 4 4]
input z [n 1 1 1]
input label [n 1 1 1]
elementwise noisy from sketch,z operation=add
elementwise image from noisy,label operation=add
output image [n 1 4 4]
)";
// z has one number a channel.
constexpr const char *kAppearance = R"(
model appearance
input sketch [n 3 8 8]
input z [n 3 1 1]
input label [n 1 1 1]
elementwise noisy from sketch,z operation=add
elementwise image from noisy,label operation=add
output image [n 3 8 8] order=bgr
)";

SketchNetwork network_of(const char *text) {
  return {std::make_shared<const Model>(parse_graph(text, "tiny.graph"), TensorMap{}), kShapeSide};
}

Picture grey(int side, uint16_t value) {
  Picture picture{.width = side, .height = side, .channels = 1, .bits = 8, .samples = {}};
  picture.samples.assign(picture.index(0, side, 0), value);
  return picture;
}

Plane plane_of(int width, int height, std::vector<float> values) { return {width, height, std::move(values)}; }

// 0..255 from what the network adds to a sketch.
float expected_grey(float sketch, double noise, double label) {
  return sketch + 127.5f * static_cast<float>(noise + label);
}

TEST(NetworkSketch, IsResizedAndClamped) {
  Picture stripes{.width = 2, .height = 1, .channels = 3, .bits = 8, .samples = {0, 9, 9, 255, 9, 9}};
  const Plane plane = network_sketch(network_of(kShape), stripes);
  ASSERT_EQ(plane.width, 4);
  ASSERT_EQ(plane.height, 4);
  const float expected[] = {0, 255 * 29.0f / 140, 255 * 111.0f / 140, 255};  // -3/34 and 37/34 are cut off
  for (int y = 0; y < 4; y++) {
    for (int x = 0; x < 4; x++) EXPECT_NEAR(plane.at(x, y), expected[x], 1e-4) << x << ' ' << y;
  }
}

TEST(CompleteSketch, MakesEachFromItsOwnNoise) {
  const SketchNetwork shape = network_of(kShape);
  CompletionOptions options;
  options.completions = 11;  // more than one batch
  options.seed = 99;
  const std::vector<Plane> completions = complete_sketch(shape, 1, grey(6, 100), options);
  ASSERT_EQ(completions.size(), 11u);
  for (size_t k = 0; k < completions.size(); k++) {
    const double noise = 0.2 * normal_number(99, k, 0);
    for (const float value : completions[k].values) EXPECT_NEAR(value, expected_grey(100, noise, 1), 1e-3) << k;
  }
}

TEST(CompleteSketch, DoesNotDependOnHowManyAreMade) {
  const SketchNetwork shape = network_of(kShape);
  CompletionOptions options;
  options.completions = 9;
  const std::vector<Plane> nine = complete_sketch(shape, 0, grey(4, 200), options);
  options.completions = 3;
  const std::vector<Plane> three = complete_sketch(shape, 0, grey(4, 200), options);
  for (size_t k = 0; k < 3; k++) EXPECT_EQ(three[k].values, nine[k].values);
  options.seed = 1;
  EXPECT_NE(complete_sketch(shape, 0, grey(4, 200), options)[0].values, three[0].values);
  options.deviation = 0;
  for (const Plane &plane : complete_sketch(shape, 0, grey(4, 200), options)) {
    for (const float value : plane.values) EXPECT_NEAR(value, 200, 1e-4);
  }
}

TEST(CompleteSketch, RefusesNumbersThatMakeNoSense) {
  const SketchNetwork shape = network_of(kShape);
  CompletionOptions options;
  options.completions = 0;
  EXPECT_THROW(complete_sketch(shape, 0, grey(4, 0), options), Error);
  options.completions = 1;
  for (const double wrong : {-0.1, std::nan(""), std::numeric_limits<double>::infinity()}) {
    options.deviation = wrong;
    EXPECT_THROW(complete_sketch(shape, 0, grey(4, 0), options), Error);
  }
}

TEST(CompleteSketch, StopsWhenCancelled) {
  const std::atomic<bool> cancel{true};
  CompletionOptions options;
  options.run.cancel = &cancel;
  try {
    complete_sketch(network_of(kShape), 0, grey(4, 0), options);
    FAIL() << "no error";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::interrupted);
  }
}

TEST(ColourSketch, GivesColoursOfTheSeed) {
  const SketchNetwork appearance = network_of(kAppearance);
  const Plane completion = plane_of(4, 4, std::vector<float>(16, 90));
  const Picture image = colour_sketch(appearance, 0, completion, 7);
  ASSERT_EQ(image.width, 8);
  ASSERT_EQ(image.height, 8);
  ASSERT_EQ(image.channels, 3);
  ASSERT_EQ(image.bits, 8);
  for (size_t channel = 0; channel < 3; channel++) {
    const float value = expected_grey(90, normal_number(7, uint64_t{1} << 63, channel), 0);
    const float sample = std::clamp(value, 0.0f, 255.0f);
    // The tensor's channels are blue, green, red.
    for (size_t p = 0; p < 64; p++) EXPECT_NEAR(image.samples[p * 3 + 2 - channel], std::floor(sample), 1) << channel;
  }
  EXPECT_EQ(colour_sketch(appearance, 0, completion, 7).samples, image.samples);
  EXPECT_NE(colour_sketch(appearance, 0, completion, 8).samples, image.samples);
}

TEST(GalleryPicture, HasTwoColumnsAndLinesBetween) {
  const std::vector<Plane> completions{plane_of(2, 1, {10, 20}), plane_of(2, 1, {30.9f, 300}),
                                       plane_of(2, 1, {-5, 40})};
  const Picture gallery = gallery_picture(completions);
  EXPECT_EQ(gallery.width, 2 + 2 + 2 + 2 + 2);
  EXPECT_EQ(gallery.height, 2 + 1 + 2 + 1 + 2);
  EXPECT_EQ(gallery.channels, 1);
  std::vector<uint16_t> expected(80);
  expected[2 * 10 + 2] = 10, expected[2 * 10 + 3] = 20, expected[2 * 10 + 6] = 30, expected[2 * 10 + 7] = 255;
  expected[5 * 10 + 2] = 0, expected[5 * 10 + 3] = 40;
  EXPECT_EQ(gallery.samples, expected);
  EXPECT_EQ(gallery_picture({completions[0]}).width, 6);
}

TEST(ShadowOf, IsTheSumBetweenMiddleGreyAndWhite) {
  const std::vector<Plane> completions{plane_of(3, 1, {0, 100, 255}), plane_of(3, 1, {0, 27.5f, 255})};
  const Plane shadow = shadow_of(completions);
  EXPECT_FLOAT_EQ(shadow.values[0], 127.5f);
  EXPECT_FLOAT_EQ(shadow.values[1], 127.5f + 127.5f * 0.25f);
  EXPECT_FLOAT_EQ(shadow.values[2], 255);
  EXPECT_EQ(shadow_of({plane_of(2, 1, {9, 9})}).values, (std::vector<float>{127.5f, 127.5f}));
}

TEST(ShadowOf, RefusesNothingAndDifferentSizes) {
  EXPECT_THROW(shadow_of({}), Error);
  EXPECT_THROW(gallery_picture({}), Error);
  const std::vector<Plane> mixed{plane_of(2, 1, {0, 1}), plane_of(1, 2, {0, 1})};
  EXPECT_THROW(shadow_of(mixed), Error);
  EXPECT_THROW(gallery_picture(mixed), Error);
}

TEST(PadPicture, MixesSketchAndShadow) {
  const Picture pad = pad_picture(grey(3, 0), plane_of(1, 1, {200}));
  EXPECT_EQ(pad.width, 3);
  EXPECT_EQ(pad.samples, std::vector<uint16_t>(9, 150));
  EXPECT_EQ(pad_picture(grey(2, 255), plane_of(1, 1, {255})).samples, std::vector<uint16_t>(4, 255));
}

}  // namespace
}  // namespace sluice
