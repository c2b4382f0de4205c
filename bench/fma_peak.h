// SPDX-License-Identifier: Apache-2.0
// What the machine can do at most, measured in the threads that run the kernels (set_threads sets how many there are):
// fused multiply-adds in registers, and copying of memory.
#pragma once
#include <cstdint>
#include <vector>

namespace sluice::bench {

// GFLOP/s of `threads` threads together that do nothing but independent float32 FMAs for `seconds`, with the vectors of
// kernel_isa().
double fma_peak_gflops(int threads, double seconds);

// How fast memory is copied: each of the threads between two blocks of its own, which no cache holds.
class CopyRate {
 public:
  explicit CopyRate(int threads);

  // GB/s of all threads together for `seconds`. Every byte counts twice: it is read and written.
  double gigabytes(double seconds);

 private:
  std::vector<std::vector<char>> from_, to_;  // one a thread
};

}  // namespace sluice::bench
