// SPDX-License-Identifier: Apache-2.0
// What the machine can do at most, measured in the threads that run the kernels (set_threads sets how many there are):
// fused multiply-adds in registers, and copying of memory.
#pragma once
#include <cstdint>

namespace sluice::bench {

// GFLOP/s of `threads` threads together that do nothing but independent float32 FMAs for `seconds`, with the vectors of
// kernel_isa().
double fma_peak_gflops(int threads, double seconds);

// GB/s that `threads` threads copy together, each between two blocks of its own of `bytes` bytes, for `seconds`. Every
// byte counts twice: it is read and written.
double copy_gigabytes(int threads, int64_t bytes, double seconds);

}  // namespace sluice::bench
