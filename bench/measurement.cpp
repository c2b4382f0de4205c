// SPDX-License-Identifier: Apache-2.0
// Medians over paired samples.
#include "bench/measurement.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <numeric>
#include <string>

#include "bench/fma_peak.h"

namespace sluice::bench {
namespace {

constexpr double kProbeSeconds = 0.005;

// Of all threads of the process so far.
double processor_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

}  // namespace

double peak_memory_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) * 1024 * 1e-6;
  }
  return 0;
}

double seconds_of(const std::function<void()> &run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Measurement::Measurement(int threads) : threads_(threads), peak_before_(fma_peak_gflops(threads, kProbeSeconds)) {}

double Measurement::take(const std::function<void()> &run) {
  const double used_before = processor_seconds();
  const double seconds = seconds_of(run);
  processor_seconds_ += processor_seconds() - used_before;
  const double peak_after = fma_peak_gflops(threads_, kProbeSeconds);
  seconds_.push_back(seconds);
  peaks_.push_back((peak_before_ + peak_after) / 2);
  peak_before_ = peak_after;
  return seconds;
}

double Measurement::best_seconds() const {
  return seconds_.empty() ? 0 : *std::min_element(seconds_.begin(), seconds_.end());
}

double Measurement::processors_used() const {
  const double seconds = std::accumulate(seconds_.begin(), seconds_.end(), 0.0);
  return seconds > 0 ? processor_seconds_ / seconds : 0;
}

double Measurement::median_share(double gflop) const {
  std::vector<double> shares;
  for (size_t i = 0; i < seconds_.size(); i++) shares.push_back(gflop / seconds_[i] / peaks_[i]);
  return median(shares);
}

}  // namespace sluice::bench
