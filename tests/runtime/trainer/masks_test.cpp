// SPDX-License-Identifier: Apache-2.0
// Drawn holes: their statistics against those of the published formulas, their limits, their determinism.
#include "runtime/trainer/masks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/support/message_of.h"

namespace sluice::testing {
namespace {

constexpr int kSide = 256, kDraws = 600;

std::vector<double> coverages(const MaskOptions &options, uint64_t seed) {
  std::vector<double> shares;
  for (uint64_t i = 0; i < kDraws; i++) {
    Draws draws(seed, "mask", i);
    const std::vector<uint8_t> mask = draw_mask(options, kSide, kSide, draws);
    shares.push_back(std::accumulate(mask.begin(), mask.end(), 0.0) / static_cast<double>(mask.size()));
  }
  std::sort(shares.begin(), shares.end());
  return shares;
}

double mean(const std::vector<double> &values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}
double quantile(const std::vector<double> &sorted, double q) {
  return sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1))];
}

// Of 250 draws of the published functions: strokes cover 15 % (6 to 26 from the tenth to the ninetieth of a hundred),
// with the rectangle 31 % (23 to 41). The mean of 250 has a standard error of half a percent.
TEST(Masks, CoverAsMuchAsThePublishedOnes) {
  MaskOptions strokes;
  strokes.brush = BrushOptions();
  const std::vector<double> brushed = coverages(strokes, 1);
  EXPECT_NEAR(mean(brushed), 0.15, 0.015);
  EXPECT_NEAR(quantile(brushed, 0.1), 0.06, 0.02);
  EXPECT_NEAR(quantile(brushed, 0.9), 0.26, 0.02);
  MaskOptions both = strokes;
  both.rectangle = RectangleOptions();
  const std::vector<double> all = coverages(both, 2);
  EXPECT_NEAR(mean(all), 0.31, 0.015);
  EXPECT_NEAR(quantile(all, 0.1), 0.23, 0.02);
  EXPECT_NEAR(quantile(all, 0.9), 0.41, 0.02);
}

TEST(Masks, RectanglesHaveTheirSizesAndPlaces) {
  MaskOptions options;
  options.rectangle = RectangleOptions{{40, 60}, {10, 20}, {3, 5}};
  int tallest = 0, widest = 0, shortest = kSide;
  for (uint64_t i = 0; i < kDraws; i++) {
    Draws draws(7, "mask", i);
    const std::vector<uint8_t> mask = draw_mask(options, 128, 96, draws);
    int top = 96, bottom = -1, left = 128, right = -1, filled = 0;
    for (int at = 0; at < 96 * 128; at++) {
      if (mask[static_cast<size_t>(at)] == 0) continue;
      top = std::min(top, at / 128), bottom = std::max(bottom, at / 128);
      left = std::min(left, at % 128), right = std::max(right, at % 128);
      filled++;
    }
    const int height = bottom - top + 1, width = right - left + 1;
    ASSERT_EQ(filled, height * width);
    ASSERT_GE(top, 3);
    ASSERT_LE(bottom, 96 - 3 - 1);
    ASSERT_GE(left, 5);
    ASSERT_LE(right, 128 - 5 - 1);
    ASSERT_EQ(height % 2, 0);
    tallest = std::max(tallest, height), widest = std::max(widest, width), shortest = std::min(shortest, height);
  }
  EXPECT_EQ(tallest, 40);
  EXPECT_EQ(widest, 60);
  EXPECT_EQ(shortest, 30);
}

TEST(Masks, AreAFunctionOfSeedAndSample) {
  MaskOptions options;
  options.brush = BrushOptions();
  const auto draw = [&](uint64_t seed, uint64_t sample) {
    Draws draws(seed, "mask", sample);
    return draw_mask(options, 64, 48, draws);
  };
  EXPECT_EQ(draw(1, 5), draw(1, 5));
  EXPECT_NE(draw(1, 5), draw(1, 6));
  EXPECT_NE(draw(1, 5), draw(2, 5));
}

TEST(Masks, ThatDoNotFitAreRefused) {
  MaskOptions options;
  options.rectangle = RectangleOptions{{128, 128}, {32, 32}, {0, 0}};
  EXPECT_NE(message_of([&] { check_masks(options, 256, 127); }).find("too large"), std::string::npos);
  EXPECT_EQ(message_of([&] { check_masks(options, 128, 128); }), "no error");
  options.rectangle->delta = {128, 0};
  EXPECT_NE(message_of([&] { check_masks(options, 256, 256); }).find("leaves nothing"), std::string::npos);
}

}  // namespace
}  // namespace sluice::testing
