// SPDX-License-Identifier: Apache-2.0
// Samples to numbers and back, with known answers.
#include "runtime/tasks/picture_tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "weights_io/error.h"

namespace sluice {
namespace {

// 2 x 1 pixels.
Picture picture_of(int channels, int bits, std::vector<uint16_t> samples) {
  return {.width = 2, .height = 1, .channels = channels, .bits = bits, .samples = std::move(samples)};
}

std::vector<float> values_of(const StoredTensor &tensor) { return {tensor.f32(), tensor.f32() + tensor.elements()}; }

GraphOutput output_of(const std::string &order, float scale = 1, float offset = 0) {
  GraphOutput output;
  output.name = output.from = "out";
  output.order = order;
  output.scale = scale;
  output.offset = offset;
  return output;
}

StoredTensor tensor_of(const std::vector<float> &values) { return StoredTensor::of_f32({1, 3, 1, 2}, values.data()); }

TEST(PictureToTensor, PutsChannelsInTheWantedOrder) {
  const Picture picture = picture_of(3, 8, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(values_of(picture_to_tensor(picture, "rgb")), (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(values_of(picture_to_tensor(picture, "")), (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(values_of(picture_to_tensor(picture, "bgr")), (std::vector<float>{3, 6, 2, 5, 1, 4}));
  EXPECT_EQ(picture_to_tensor(picture, "bgr").shape, (std::vector<int64_t>{1, 3, 1, 2}));
}

TEST(PictureToTensor, LeavesOutAlphaAndRepeatsGrey) {
  EXPECT_EQ(values_of(picture_to_tensor(picture_of(4, 8, {1, 2, 3, 99, 4, 5, 6, 99}), "rgb")),
            (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(values_of(picture_to_tensor(picture_of(1, 8, {7, 9}), "bgr")), (std::vector<float>{7, 9, 7, 9, 7, 9}));
  EXPECT_EQ(values_of(picture_to_tensor(picture_of(2, 8, {7, 99, 9, 99}), "bgr")),
            (std::vector<float>{7, 9, 7, 9, 7, 9}));
}

TEST(PictureToTensor, ScalesSixteenBitsToTheSameRange) {
  EXPECT_EQ(values_of(picture_to_tensor(picture_of(1, 16, {65535, 257 * 100}), "rgb")),
            (std::vector<float>{255, 100, 255, 100, 255, 100}));
}

TEST(MaskToTensor, HoldsZerosAndOnes) {
  EXPECT_EQ(values_of(mask_to_tensor({0, 1, 255, 0}, 2, 2)), (std::vector<float>{0, 1, 1, 0}));
  EXPECT_THROW(mask_to_tensor({0, 1, 0}, 2, 2), Error);
}

TEST(SampleOf, ClampsThenTruncates) {
  EXPECT_EQ(sample_of(99.99f, 8), 99);
  EXPECT_EQ(sample_of(-3, 8), 0);
  EXPECT_EQ(sample_of(256.5f, 8), 255);
  EXPECT_EQ(sample_of(std::numeric_limits<float>::infinity(), 8), 255);
  EXPECT_EQ(sample_of(std::nanf(""), 8), 0);
  EXPECT_EQ(sample_of(127.5f, 16), 32767);
  EXPECT_EQ(sample_of(255, 16), 65535);
  EXPECT_EQ(sample_of(300, 16), 65535);
}

// A stored sample survives the way in and out, at both depths.
TEST(SampleOf, IsTheInverseOfTheWayIn) {
  for (int value = 0; value < 256; value++) ASSERT_EQ(sample_of(static_cast<float>(value), 8), value);
}

TEST(PasteTensor, WritesOnlyTheHole) {
  Picture picture = picture_of(4, 8, {1, 2, 3, 50, 4, 5, 6, 60});
  paste_tensor(tensor_of({9, 10, 19, 20, 29, 30}), output_of("bgr"), {0, 1}, picture);
  EXPECT_EQ(picture.samples, (std::vector<uint16_t>{1, 2, 3, 50, 30, 20, 10, 60}));
}

TEST(PasteTensor, AppliesScaleAndOffset) {
  Picture picture = picture_of(3, 16, {1, 2, 3, 4, 5, 6});
  paste_tensor(tensor_of({-1, 0, 0.5f, 0, 1, 0}), output_of("", 127.5f, 127.5f), {1, 0}, picture);
  EXPECT_EQ(picture.samples, (std::vector<uint16_t>{0, 49151, 65535, 4, 5, 6}));
}

TEST(PasteTensor, GivesGreyTheLuma) {
  Picture picture = picture_of(2, 8, {1, 77, 2, 88});
  paste_tensor(tensor_of({10, 10, 20, 20, 30, 30}), output_of(""), {1, 0}, picture);
  EXPECT_EQ(picture.samples, (std::vector<uint16_t>{18, 77, 2, 88}));
  paste_tensor(tensor_of({10, 10, 20, 20, 30, 30}), output_of("bgr"), {1, 0}, picture);
  EXPECT_EQ(picture.samples, (std::vector<uint16_t>{21, 77, 2, 88}));
}

TEST(PasteTensor, RefusesOtherShapesAndNumbersThatAreNone) {
  Picture picture = picture_of(3, 8, {1, 2, 3, 4, 5, 6});
  const GraphOutput output = output_of("");
  EXPECT_THROW(paste_tensor(StoredTensor::of_f32({1, 3, 2, 1}), output, {1, 1}, picture), Error);
  EXPECT_THROW(paste_tensor(tensor_of({0, 0, std::nanf(""), 0, 0, 0}), output, {1, 0}, picture), Error);
}

// (v + 1) * 127.5 and v * 127.5 + 127.5 are rounded differently: for level 50 one is just below 50, the other is 50.
TEST(PasteTensor, ComputesAsPublished) {
  const float v = 100 / 127.5f - 1;
  const GraphOutput output = output_of("", 127.5f, 127.5f);
  Picture picture = picture_of(3, 8, {1, 2, 3, 4, 5, 6});
  const float low = 50 / 127.5f - 1;
  paste_tensor(tensor_of({v, 0, low, 0, 2, 0}), output, {1, 0}, picture, PixelArithmetic::published);
  EXPECT_EQ(picture.samples, (std::vector<uint16_t>{100, 49, 255, 4, 5, 6}));
  paste_tensor(tensor_of({v, 0, low, 0, 2, 0}), output, {1, 0}, picture);
  EXPECT_EQ(picture.samples, (std::vector<uint16_t>{100, 50, 255, 4, 5, 6}));
  EXPECT_THROW(
      paste_tensor(tensor_of({0, 0, 0, 0, 0, 0}), output_of("", 0, 1), {1, 0}, picture, PixelArithmetic::published),
      Error);
}

TEST(RoundKnownSamples, LowersLevels1To63ByOne) {
  Picture picture{.width = 256, .height = 1, .channels = 2, .bits = 8, .samples = {}};
  for (uint16_t level = 0; level < 256; level++) picture.samples.insert(picture.samples.end(), {level, 60});
  std::vector<uint8_t> mask(256, 0);
  mask[7] = 1;
  round_known_samples(output_of("", 127.5f, 127.5f), mask, picture);
  for (uint16_t level = 0; level < 256; level++) {
    const bool lowered = level >= 1 && level <= 63 && level != 7;
    EXPECT_EQ(picture.samples[2 * size_t{level}], lowered ? level - 1 : level) << level;
    EXPECT_EQ(picture.samples[2 * size_t{level} + 1], 60) << level;
  }
}

TEST(FirstColourPlane, TakesTheFirstChannelOnWhite) {
  EXPECT_EQ(first_colour_plane(picture_of(3, 8, {1, 2, 3, 4, 5, 6})).values, (std::vector<float>{1, 4}));
  EXPECT_EQ(first_colour_plane(picture_of(1, 16, {257, 65535})).values, (std::vector<float>{1, 255}));
  EXPECT_EQ(first_colour_plane(picture_of(2, 8, {0, 0, 0, 255})).values, (std::vector<float>{255, 0}));
  EXPECT_EQ(first_colour_plane(picture_of(4, 8, {55, 2, 3, 51, 200, 5, 6, 255})).values,
            (std::vector<float>{215, 200}));  // 255 - 200 * 51 / 255
  EXPECT_EQ(first_colour_plane(picture_of(2, 16, {0, 0, 257, 65535})).values, (std::vector<float>{255, 1}));
}

TEST(GreyPicture, HasTheSamplesOfItsValues) {
  const Picture picture = grey_picture({2, 1, {127.9f, 300}});
  EXPECT_EQ(picture.channels, 1);
  EXPECT_EQ(picture.bits, 8);
  EXPECT_EQ(picture.samples, (std::vector<uint16_t>{127, 255}));
}

TEST(TensorToPlane, TakesOneChannelOfOneSample) {
  const float values[] = {0, 1, 2, 3, 4, 5, 6, 7};
  const StoredTensor tensor = StoredTensor::of_f32({2, 2, 1, 2}, values);
  EXPECT_EQ(tensor_to_plane(tensor, output_of("", 10, 1), 1, 0).values, (std::vector<float>{41, 51}));
  EXPECT_EQ(tensor_to_plane(tensor, output_of(""), 0, 1).width, 2);
  EXPECT_THROW(tensor_to_plane(tensor, output_of(""), 2, 0), Error);
  EXPECT_THROW(tensor_to_plane(tensor, output_of(""), 0, 2), Error);
  EXPECT_THROW(tensor_to_plane(StoredTensor::of_f32({2, 2}), output_of(""), 0, 0), Error);
}

TEST(TensorToPicture, GivesGreyOrColour) {
  const Picture colour = tensor_to_picture(tensor_of({9, 10, 19, 20, 29, 30}), output_of("bgr"));
  EXPECT_EQ(colour.channels, 3);
  EXPECT_EQ(colour.samples, (std::vector<uint16_t>{29, 19, 9, 30, 20, 10}));
  const float values[] = {-1, 1};
  const Picture grey = tensor_to_picture(StoredTensor::of_f32({1, 1, 1, 2}, values), output_of("", 127.5f, 127.5f));
  EXPECT_EQ(grey.channels, 1);
  EXPECT_EQ(grey.samples, (std::vector<uint16_t>{0, 255}));
  EXPECT_THROW(tensor_to_picture(StoredTensor::of_f32({2, 3, 1, 2}), output_of("")), Error);
  EXPECT_THROW(tensor_to_picture(StoredTensor::of_f32({1, 2, 1, 2}), output_of("")), Error);
  EXPECT_THROW(tensor_to_picture(tensor_of({0, 0, std::nanf(""), 0, 0, 0}), output_of("")), Error);
}

}  // namespace
}  // namespace sluice
