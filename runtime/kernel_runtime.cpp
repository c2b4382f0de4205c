// SPDX-License-Identifier: Apache-2.0
// The process-wide hooks into Halide's runtime: errors that do not abort, cancellation, threads, choice of kernel set.
#include "runtime/kernel_runtime.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/kernel_call.h"
#include "runtime/kernel_memory.h"
#include "runtime/kernel_table.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr int kCancelled = -1000;
std::mutex error_mutex;

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

struct InstructionSet {
  const char *name, *needs;
  bool (*is_here)();
};

// All that kernels can be built for, the preferred one first.
#if defined(__x86_64__)
bool processor_has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool processor_has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
constexpr InstructionSet kKnown[] = {{"avx512", "AVX-512", processor_has_avx512},
                                     {"avx2", "AVX2 and FMA", processor_has_avx2}};
#elif defined(__aarch64__)
constexpr InstructionSet kKnown[] = {{"neon", "NEON", [] { return true; }}};
#else
#error "kernels are built for x86-64 and AArch64"
#endif

const InstructionSet *chosen = nullptr;

// Kernels ask this once each, for the first of two instruction sets; the last of their list is taken without asking.
int can_use_features(int, const uint64_t *) { return chosen == std::begin(kKnown) ? 1 : 0; }

const char *wanted_isa() {
  const char *wanted = std::getenv("SLUICE_ISA");
  return wanted == nullptr ? "" : wanted;
}

void choose_isa() {
  const std::string wanted = wanted_isa();
  const auto is_wanted = [&](const InstructionSet &set) { return wanted.empty() || wanted == set.name; };
  const auto *set = std::find_if(std::begin(kKnown), std::end(kKnown), is_wanted);
  if (set == std::end(kKnown)) {
    std::vector<std::string> names;
    for (const InstructionSet &known : kKnown) names.emplace_back(known.name);
    throw Error(ErrorCode::usage, fmt::format("SLUICE_ISA must be {}, not '{}'", fmt::join(names, " or "), wanted));
  }
  const InstructionSet &least = *std::prev(std::end(kKnown));
  if (!least.is_here())
    throw Error(ErrorCode::not_found,
                fmt::format("this processor has no {}, which every kernel of Sluice needs", least.needs));
  while (wanted.empty() && !set->is_here()) set++;
  if (!set->is_here())
    throw Error(ErrorCode::not_found, fmt::format("SLUICE_ISA={}, but this processor has no {}", wanted, set->needs));
  chosen = set;
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
  return chosen->name;
}

void check_isas(const KernelTable &table, const std::string &model) {
  const std::string current = kernel_isa();
  const std::vector<std::string> &built = table.isas();
  const auto is_built = [&](const InstructionSet &set) {
    return std::find(built.begin(), built.end(), set.name) != built.end();
  };
  // A processor with the preferred set has those after it, too.
  if (built.empty() || std::any_of(chosen, *wanted_isa() == 0 ? std::end(kKnown) : std::next(chosen), is_built)) return;
  throw Error(ErrorCode::not_found, fmt::format("model {}: its kernels are built for {}, this process computes with {}",
                                                model, fmt::join(built, " and "), current));
}

void set_threads(int count) {
  if (count < 0 || count > 256) throw Error(ErrorCode::usage, "threads must be 1 to 256, or 0 for one per processor");
  halide_set_num_threads(count);
}

}  // namespace sluice
