// SPDX-License-Identifier: Apache-2.0
// Timed runs, each between two measurements of the FMA peak, so that a machine that is slow for a while is seen.
#pragma once
#include <functional>
#include <vector>

#include "runtime/tuning/paired_timing.h"

namespace sluice::bench {

using tuning::median;
double seconds_of(const std::function<void()> &run);
// Of this process alone, so far: getrusage would give the size of the parent that forked it where that is larger.
double peak_memory_mb();

class Measurement {
 public:
  explicit Measurement(int threads);

  // Runs once and returns the seconds it took.
  double take(const std::function<void()> &run);

  double best_seconds() const;
  double median_seconds() const { return median(seconds_); }
  double median_peak() const { return median(peaks_); }  // GFLOP/s
  // Of processor time a second of the runs: less than the threads where they waited, or others had the processors.
  double processors_used() const;
  // Median over the runs of `gflop` / seconds / the peak around that run.
  double median_share(double gflop) const;

 private:
  int threads_;
  double peak_before_, processor_seconds_ = 0;
  std::vector<double> seconds_, peaks_;  // one a run; peaks_: mean of before and after
};

}  // namespace sluice::bench
