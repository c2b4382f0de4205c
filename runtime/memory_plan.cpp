// SPDX-License-Identifier: Apache-2.0
// Greedy placement by size.
#include "runtime/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace sluice {
namespace {

bool overlap(const Lifetime &a, const Lifetime &b) { return a.first <= b.last && b.first <= a.last; }

}  // namespace

MemoryPlan plan_memory(const std::vector<Lifetime> &lifetimes, int64_t alignment) {
  const auto aligned = [&](int64_t size) { return (size + alignment - 1) / alignment * alignment; };
  MemoryPlan plan;
  plan.offsets.assign(lifetimes.size(), 0);
  std::vector<size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return lifetimes[a].size_bytes > lifetimes[b].size_bytes; });
  std::vector<size_t> placed;  // sorted by offset
  for (const size_t i : order) {
    const int64_t size = aligned(lifetimes[i].size_bytes);
    int64_t offset = 0;
    for (const size_t other : placed) {
      if (!overlap(lifetimes[i], lifetimes[other])) continue;
      if (offset + size <= plan.offsets[other]) break;
      offset = std::max(offset, plan.offsets[other] + aligned(lifetimes[other].size_bytes));
    }
    plan.offsets[i] = offset;
    plan.size_bytes = std::max(plan.size_bytes, offset + size);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i,
                                   [&](size_t a, size_t b) { return plan.offsets[a] < plan.offsets[b]; }),
                  i);
  }
  return plan;
}

std::vector<MemoryRange> free_ranges(const std::vector<Lifetime> &lifetimes, const MemoryPlan &plan, int step,
                                     int64_t least) {
  std::vector<MemoryRange> used, free;
  int64_t left = plan.size_bytes;
  for (size_t i = 0; i < lifetimes.size(); i++) {
    if (!overlap(lifetimes[i], {0, step, step})) continue;
    used.push_back({plan.offsets[i], plan.offsets[i] + lifetimes[i].size_bytes});
    left -= lifetimes[i].size_bytes;
  }
  if (left < least) return free;  // of a plan that keeps everything
  used.push_back({plan.size_bytes, plan.size_bytes});
  std::sort(used.begin(), used.end(), [](const MemoryRange &a, const MemoryRange &b) { return a.begin < b.begin; });
  int64_t end = 0;
  for (const MemoryRange &range : used) {
    if (range.begin - end >= std::max<int64_t>(least, 1)) free.push_back({end, range.begin});
    end = std::max(end, range.end);
  }
  return free;
}

}  // namespace sluice
