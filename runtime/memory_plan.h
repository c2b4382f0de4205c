// SPDX-License-Identifier: Apache-2.0
// Where tensors live in one arena, so that tensors that are never alive together share memory.
#pragma once
#include <cstdint>
#include <vector>

namespace sluice {

struct Lifetime {
  int64_t size_bytes = 0;
  int first = 0, last = 0;  // steps, both included
};

struct MemoryPlan {
  std::vector<int64_t> offsets;  // bytes, one a lifetime
  int64_t size_bytes = 0;        // of the arena
};

struct MemoryRange {
  int64_t begin = 0, end = 0;  // bytes of the arena, the end not included
};

// What the lifetimes leave free at a step, in order; pieces of at least `least` bytes.
std::vector<MemoryRange> free_ranges(const std::vector<Lifetime> &lifetimes, const MemoryPlan &plan, int step,
                                     int64_t least);

// Largest first, each at the lowest offset that is free during its life. Offsets are multiples of `alignment` bytes.
MemoryPlan plan_memory(const std::vector<Lifetime> &lifetimes, int64_t alignment = 64);

}  // namespace sluice
