// SPDX-License-Identifier: Apache-2.0
// Clocks and medians.
#include "runtime/tuning/paired_timing.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <sstream>

#include "weights_io/error.h"

namespace sluice::tuning {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kShortest = 1e-3;  // seconds of a run: shorter ones are mostly the start of threads
constexpr int kMostCalls = 1000, kMostPairs = 400;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double seconds_of(const std::function<void()> &run, int calls) {
  const auto start = Clock::now();
  for (int i = 0; i < calls; i++) run();
  return seconds_since(start) / calls;
}

double quantile(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(part * static_cast<double>(values.size() - 1))];
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Comparison compare(const std::vector<Pair> &pairs) {
  Comparison result;
  std::vector<double> ratios, first, early, late;
  for (size_t i = 0; i < pairs.size(); i++) {
    ratios.push_back(pairs[i].first / pairs[i].second);
    first.push_back(pairs[i].first);
    (2 * i < pairs.size() ? early : late).push_back(pairs[i].first);
  }
  result.pairs = static_cast<int>(pairs.size());
  result.first_ms = median(first) * 1e3;
  result.ratio = median(ratios);
  result.lower = quantile(ratios, 0.25);
  if (!late.empty()) result.drifted = std::abs(median(early) - median(late)) > kMostDrift * median(first);
  return result;
}

bool is_gain(const Comparison &fresh) { return !fresh.drifted && fresh.ratio >= kLeastGain && fresh.lower >= 1; }

std::vector<Pair> time_pairs(const std::function<void()> &first, const std::function<void()> &second, double seconds,
                             int fewest) {
  const double once = std::max(seconds_of(first, 1), 1e-7);
  const int calls = std::clamp(static_cast<int>(std::ceil(kShortest / once)), 1, kMostCalls);
  std::vector<Pair> pairs;
  const auto start = Clock::now();
  while (static_cast<int>(pairs.size()) < fewest ||
         (seconds_since(start) < seconds && static_cast<int>(pairs.size()) < kMostPairs)) {
    Pair pair;
    pair.first = seconds_of(first, calls);
    pair.second = seconds_of(second, calls);
    pairs.push_back(pair);
  }
  return pairs;
}

std::string to_line(const Comparison &comparison) {
  return fmt::format("{:.6f} {:.6f} {:.6f} {} {}", comparison.first_ms, comparison.ratio, comparison.lower,
                     comparison.pairs, comparison.drifted ? 1 : 0);
}

Comparison from_line(const std::string &line) {
  Comparison result;
  std::istringstream words(line);
  if (!(words >> result.first_ms >> result.ratio >> result.lower >> result.pairs >> result.drifted))
    throw Error(ErrorCode::bad_file, fmt::format("tuning: not a comparison: '{}'", line));
  return result;
}

}  // namespace sluice::tuning
