// SPDX-License-Identifier: Apache-2.0
// Register-only FMA loops for AVX2 and AVX-512, and the copy loop.
#include "bench/fma_peak.h"

#include <HalideRuntime.h>
#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/kernel_call.h"

namespace sluice::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Two FMA units of four cycles each need 8 chains; 12 leave AVX2 its 4 other registers.
constexpr int kChains = 12;
constexpr int64_t kRounds = 20000;  // between two looks at the clock: 30 to 100 microseconds

constexpr size_t kCopyBytes = size_t{64} << 20;  // of a block, more than the last-level cache of most processors

// acc = acc * factor + term stays near 1.
constexpr float kFactor = 0.999999f, kTerm = 1e-6f;

__attribute__((target("avx2,fma"))) float fma_rounds_avx2() {
  __m256 chains[kChains];
  for (int i = 0; i < kChains; i++) chains[i] = _mm256_set1_ps(1.0f + 0.01f * static_cast<float>(i));
  const __m256 factor = _mm256_set1_ps(kFactor), term = _mm256_set1_ps(kTerm);
  for (int64_t round = 0; round < kRounds; round++) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; i++) chains[i] = _mm256_fmadd_ps(chains[i], factor, term);
  }
  __m256 sum = chains[0];
  for (int i = 1; i < kChains; i++) sum = _mm256_add_ps(sum, chains[i]);
  return _mm256_cvtss_f32(sum);
}

__attribute__((target("avx512f"))) float fma_rounds_avx512() {
  __m512 chains[kChains];
  for (int i = 0; i < kChains; i++) chains[i] = _mm512_set1_ps(1.0f + 0.01f * static_cast<float>(i));
  const __m512 factor = _mm512_set1_ps(kFactor), term = _mm512_set1_ps(kTerm);
  for (int64_t round = 0; round < kRounds; round++) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; i++) chains[i] = _mm512_fmadd_ps(chains[i], factor, term);
  }
  __m512 sum = chains[0];
  for (int i = 1; i < kChains; i++) sum = _mm512_add_ps(sum, chains[i]);
  return _mm512_cvtss_f32(sum);
}

// What the tasks of one measurement share.
struct Shared {
  const std::function<void(int thread)> &step;
  int threads;
  double seconds;
  std::mutex mutex;
  std::atomic<int> ready{0};
  int64_t calls = 0;
  Clock::time_point first_start = Clock::time_point::max(), last_end = Clock::time_point::min();
};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// All tasks begin together, unless a thread of the pool is late by more than this.
constexpr double kLongestWait = 0.002;

int run_steps(void *, int thread, uint8_t *closure) {
  Shared &shared = *reinterpret_cast<Shared *>(closure);
  shared.ready++;
  const auto arrival = Clock::now();
  while (shared.ready.load() < shared.threads && seconds_since(arrival) < kLongestWait) std::this_thread::yield();
  const auto start = Clock::now();
  int64_t calls = 0;
  do {
    shared.step(thread);
    calls++;
  } while (seconds_since(start) < shared.seconds);
  const auto end = Clock::now();
  const std::lock_guard<std::mutex> lock(shared.mutex);
  shared.calls += calls;
  shared.first_start = std::min(shared.first_start, start);
  shared.last_end = std::max(shared.last_end, end);
  return 0;
}

// Calls `step` for `seconds` in each of `threads` threads: those of the kernels, so that what else runs on the machine
// takes from both alike. Calls per second of all together.
double calls_per_second(int threads, double seconds, const std::function<void(int thread)> &step) {
  prepare_kernels();
  Shared shared{step, threads, seconds, {}, {}, 0, Clock::time_point::max(), Clock::time_point::min()};
  halide_do_par_for(nullptr, run_steps, 0, threads, reinterpret_cast<uint8_t *>(&shared));
  return static_cast<double>(shared.calls) /
         std::chrono::duration<double>(shared.last_end - shared.first_start).count();
}

}  // namespace

double fma_peak_gflops(int threads, double seconds) {
  const bool wide = kernel_isa() == "avx512";
  std::atomic<float> sink{0};
  const double calls = calls_per_second(threads, seconds, [&](int) {
    sink.store(wide ? fma_rounds_avx512() : fma_rounds_avx2(), std::memory_order_relaxed);
  });
  const double flop = 2.0 * kChains * static_cast<double>(kRounds) * (wide ? 16 : 8);
  return calls * flop * 1e-9;
}

CopyRate::CopyRate(int threads)
    : from_(static_cast<size_t>(threads), std::vector<char>(kCopyBytes, 1)),
      to_(static_cast<size_t>(threads), std::vector<char>(kCopyBytes, 2)) {}

double CopyRate::gigabytes(double seconds) {
  const double calls = calls_per_second(static_cast<int>(to_.size()), seconds, [&](int thread) {
    const auto i = static_cast<size_t>(thread);
    std::memcpy(to_[i].data(), from_[i].data(), kCopyBytes);
  });
  return calls * 2.0 * static_cast<double>(kCopyBytes) * 1e-9;
}

}  // namespace sluice::bench
