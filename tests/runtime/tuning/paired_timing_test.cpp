// SPDX-License-Identifier: Apache-2.0
// What pairs of times mean: medians, drift, and that noise is no gain.
#include "runtime/tuning/paired_timing.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace sluice::tuning {
namespace {

std::vector<Pair> pairs(const std::vector<double> &first, const std::vector<double> &second) {
  std::vector<Pair> all;
  for (size_t i = 0; i < first.size(); i++) all.push_back({first[i], second[i]});
  return all;
}

TEST(PairedTiming, RatiosAreOfPairsAndTheMedianOfThem) {
  // The machine is twice as slow in every other pair, and once something else ran.
  const Comparison result = compare(pairs({1e-3, 2e-3, 1e-3, 2e-3, 9e-3}, {0.5e-3, 1e-3, 0.5e-3, 1e-3, 1e-3}));
  EXPECT_DOUBLE_EQ(result.ratio, 2);
  EXPECT_DOUBLE_EQ(result.lower, 2);
  EXPECT_DOUBLE_EQ(result.first_ms, 2);
  EXPECT_EQ(result.pairs, 5);
}

TEST(PairedTiming, ABlockInWhichTheDefaultDriftsIsDropped) {
  EXPECT_FALSE(compare(pairs({100, 100, 105, 105}, {90, 90, 90, 90})).drifted);
  const Comparison drifted = compare(pairs({100, 100, 130, 130}, {50, 50, 60, 60}));
  EXPECT_TRUE(drifted.drifted);
  EXPECT_FALSE(is_gain(drifted)) << "however fast the candidate seems";
  EXPECT_TRUE(compare(pairs({130, 130, 100, 100}, {50, 50, 50, 50})).drifted);
}

TEST(PairedTiming, NoiseIsNoGain) {
  const auto of = [](double ratio, double lower) { return Comparison{1, ratio, lower, 9, false}; };
  EXPECT_TRUE(is_gain(of(1.05, 1.02)));
  EXPECT_FALSE(is_gain(of(1.005, 1.001))) << "too little for another kernel";
  EXPECT_FALSE(is_gain(of(1.05, 0.98))) << "slower in more than a quarter of the pairs";
  EXPECT_FALSE(is_gain(of(0.9, 0.8)));
}

TEST(PairedTiming, FindsTheSlowerOfTwo) {
  const auto wait = [](int microseconds) {
    return [microseconds] { std::this_thread::sleep_for(std::chrono::microseconds(microseconds)); };
  };
  const std::vector<Pair> taken = time_pairs(wait(4000), wait(2000), 0.0, 7);
  EXPECT_EQ(taken.size(), 7u);
  const Comparison result = compare(taken);
  EXPECT_GT(result.ratio, 1.2);
  EXPECT_GT(result.first_ms, 4.0);
}

TEST(PairedTiming, AComparisonIsALine) {
  const Comparison sent{1.5, 1.25, 1.125, 21, true}, got = from_line(to_line(sent));
  EXPECT_DOUBLE_EQ(got.first_ms, 1.5);
  EXPECT_DOUBLE_EQ(got.ratio, 1.25);
  EXPECT_DOUBLE_EQ(got.lower, 1.125);
  EXPECT_EQ(got.pairs, 21);
  EXPECT_TRUE(got.drifted);
  EXPECT_ANY_THROW(from_line("1.5 much"));
}

}  // namespace
}  // namespace sluice::tuning
