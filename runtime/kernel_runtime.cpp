// SPDX-License-Identifier: Apache-2.0
// The process-wide hooks into Halide's runtime: errors that do not abort, cancellation, threads, choice of kernel set.
#include "runtime/kernel_runtime.h"

#include <cstdlib>
#include <mutex>
#include <string>

#include "runtime/kernel_call.h"
#include "runtime/kernel_memory.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr int kCancelled = -1000;
std::mutex error_mutex;
bool avx512_allowed = true;

}  // namespace

void record_error(void *user_context, const char *message) {
  auto *context = static_cast<CallContext *>(user_context);
  if (context == nullptr) return;
  const std::lock_guard<std::mutex> lock(error_mutex);  // tasks of one call may fail together
  if (!context->error.empty()) return;
  context->error = message;
  while (!context->error.empty() && context->error.back() == '\n') context->error.pop_back();
}

// Before every parallel task: a cancelled call does no more of them.
int run_task(void *user_context, halide_task_t task, int index, uint8_t *closure) {
  const auto *context = static_cast<const CallContext *>(user_context);
  if (context != nullptr && context->cancelled != nullptr && context->cancelled->load(std::memory_order_relaxed))
    return kCancelled;
  return task(user_context, index, closure);
}

namespace {

bool processor_has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool processor_has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

// Kernels ask this once each, for AVX-512 first; AVX2 is the last of their list and taken without asking.
int can_use_features(int, const uint64_t *) { return avx512_allowed ? 1 : 0; }

void choose_isa() {
  if (!processor_has_avx2()) {
    throw Error(ErrorCode::not_found, "this processor has no AVX2 and FMA, which every kernel of Sluice needs");
  }
  const char *wanted = std::getenv("SLUICE_ISA");
  const std::string isa = wanted == nullptr ? "" : wanted;
  avx512_allowed = processor_has_avx512() && isa != "avx2";
  if (isa == "avx512" && !avx512_allowed)
    throw Error(ErrorCode::not_found, "SLUICE_ISA=avx512, but this processor has no AVX-512");
  if (!isa.empty() && isa != "avx2" && isa != "avx512")
    throw Error(ErrorCode::usage, "SLUICE_ISA must be avx2 or avx512, not '" + isa + "'");
}

}  // namespace

void prepare_kernels() {
  static std::once_flag once;
  std::call_once(once, [] {
    choose_isa();
    keep_kernel_memory();
    halide_set_error_handler(record_error);
    halide_set_custom_do_task(run_task);
    halide_set_custom_can_use_target_features(can_use_features);
  });
}

std::string kernel_isa() {
  prepare_kernels();
  return avx512_allowed ? "avx512" : "avx2";
}

void set_threads(int count) {
  if (count < 0 || count > 256) throw Error(ErrorCode::usage, "threads must be 1 to 256, or 0 for one per processor");
  halide_set_num_threads(count);
}

}  // namespace sluice
