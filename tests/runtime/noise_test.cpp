// SPDX-License-Identifier: Apache-2.0
// Random numbers: published answers of Philox, quantiles of 40 digits, fixed bits, moments.
#include "runtime/noise.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice {
namespace {

using Words = std::array<uint32_t, 4>;

// DEShawResearch/random123: tests/kat_vectors.
TEST(Philox, GivesThePublishedAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// By Newton's method on erfc with 40 digits; one point of each of the three parts and of the ends.
TEST(NormalQuantile, AgreesWithManyDigits) {
  const struct {
    double probability, expected;
  } points[] = {{0.9, 1.28155156554460059},
                {0.975, 1.95996398454005386},
                {0.01, -2.32634787404084109},
                {1e-10, -6.3613409024040562},
                {0x1p-53, -8.20953615160138686}};
  for (const auto &[probability, expected] : points) {
    EXPECT_NEAR(normal_quantile(probability) / expected, 1, 1e-15) << probability;
  }
  EXPECT_EQ(normal_quantile(0.5), 0);
}

TEST(NormalQuantile, IsSymmetricAndGrows) {
  double last = -10;
  for (int i = 1; i < 4096; i++) {
    const double probability = i / 4096.0;  // 1 - probability is exact
    EXPECT_EQ(normal_quantile(probability), -normal_quantile(1 - probability));
    EXPECT_GT(normal_quantile(probability), last);
    last = normal_quantile(probability);
  }
}

// Written down once; any compiler, machine or library has to give these.
TEST(NormalNumber, HasFixedBits) {
  EXPECT_EQ(normal_number(0, 0, 0), 0x1.2d769e93cb521p+0);
  EXPECT_EQ(normal_number(0, 0, 1), 0x1.11fbd69d8e301p-2);
  EXPECT_EQ(normal_number(0, 0, 2), -0x1.69580971eeee9p-2);
  EXPECT_EQ(normal_number(0, 0, 3), -0x1.c913544cdba33p+0);
  EXPECT_EQ(normal_number(12345678901234567, uint64_t{1} << 63, 1000001), 0x1.f2d921e121b47p-1);
  EXPECT_EQ(normal_number(1, 2, 3), -0x1.99765973d5d2ep+0);
}

// Bounds: five standard deviations of each estimate over so many independent numbers.
TEST(NormalNumber, HasTheMomentsOfANormalVariable) {
  constexpr uint64_t kSeed = 42, kNumbers = 200000;
  const double bound = 5 / std::sqrt(static_cast<double>(kNumbers));
  for (const uint64_t stream : {uint64_t{0}, uint64_t{7}, uint64_t{1} << 63}) {
    double sums[5] = {};
    uint64_t within = 0;
    double neighbours = 0, last = 0;
    for (uint64_t i = 0; i < kNumbers; i++) {
      const double number = normal_number(kSeed, stream, i);
      double power = 1;
      for (double &sum : sums) {
        sum += power;
        power *= number;
      }
      within += std::fabs(number) < 1 ? 1u : 0u;
      neighbours += number * last;
      last = number;
    }
    const auto mean = [&](double sum) { return sum / static_cast<double>(kNumbers); };
    EXPECT_NEAR(mean(sums[1]), 0, bound) << "stream " << stream;
    EXPECT_NEAR(mean(sums[2]), 1, bound * std::sqrt(2)) << "stream " << stream;
    EXPECT_NEAR(mean(sums[3]), 0, bound * std::sqrt(15)) << "stream " << stream;
    EXPECT_NEAR(mean(sums[4]), 3, bound * std::sqrt(96)) << "stream " << stream;
    EXPECT_NEAR(mean(static_cast<double>(within)), 0.682689492, bound * 0.47) << "stream " << stream;
    EXPECT_NEAR(mean(neighbours), 0, bound) << "stream " << stream;
  }
}

TEST(NormalNumber, DependsOnSeedStreamAndIndex) {
  const double number = normal_number(1, 2, 3);
  for (const uint64_t other : {uint64_t{0}, uint64_t{4}, uint64_t{1} << 32, uint64_t{1} << 63}) {
    EXPECT_NE(normal_number(other, 2, 3), number);
    EXPECT_NE(normal_number(1, other, 3), number);
    EXPECT_NE(normal_number(1, 2, other), number);
  }
}

}  // namespace
}  // namespace sluice
