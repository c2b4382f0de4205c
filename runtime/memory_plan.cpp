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

}  // namespace sluice
