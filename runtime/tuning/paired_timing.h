// SPDX-License-Identifier: Apache-2.0
// Two kernels timed in turn, A B A B, so that what else the machine does meets both; and what their times mean.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace sluice::tuning {

constexpr double kMostDrift = 0.10;  // of the first kernel's time within a block, else the block is dropped
constexpr double kLeastGain = 1.01;  // of a ratio, to be worth another kernel

// A run of each, one after the other, in seconds.
struct Pair {
  double first = 0, second = 0;
};

// What a block of pairs says of the second kernel.
struct Comparison {
  double first_ms = 0;  // median
  double ratio = 0;     // median of first / second: above 1 the second is faster
  double lower = 0;     // the quarter of the ratios below it
  int pairs = 0;
  bool drifted = false;  // the machine changed meanwhile: nothing follows from this block
};

double median(std::vector<double> values);  // 0 of none

// The medians of the first kernel's times in the first and in the second half tell drift.
Comparison compare(const std::vector<Pair> &pairs);

// Is the second kernel the better one, by fresh pairs? No drift, a median of at least kLeastGain, and three quarters of
// the pairs at least as fast.
bool is_gain(const Comparison &fresh);

// Pairs for about `seconds`, `fewest` at least; every run of a pair is as many calls as take a millisecond.
std::vector<Pair> time_pairs(const std::function<void()> &first, const std::function<void()> &second, double seconds,
                             int fewest);

// A line, and back: what a child answers.
std::string to_line(const Comparison &comparison);
Comparison from_line(const std::string &line);

}  // namespace sluice::tuning
