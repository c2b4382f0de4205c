// SPDX-License-Identifier: Apache-2.0
// What the machine can do at most, measured: fused multiply-adds in registers, and copying of memory.
#pragma once
#include <cstdint>

namespace sluice::bench {

// GFLOP/s of `threads` threads that do nothing but independent float32 FMAs, with the vectors of kernel_isa(), each for
// `seconds`. Sum over the threads.
double fma_peak_gflops(int threads, double seconds);

// GB/s that `threads` threads copy together, each between two blocks of its own of `bytes` bytes, for `seconds`. Every
// byte counts twice: it is read and written.
double copy_gigabytes(int threads, int64_t bytes, double seconds);

}  // namespace sluice::bench
