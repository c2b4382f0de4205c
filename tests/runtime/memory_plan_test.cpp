// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace sluice {
namespace {

TEST(MemoryPlan, TensorsOfDifferentTimesShare) {
  const MemoryPlan plan = plan_memory({{1000, 0, 1}, {1000, 2, 3}});
  EXPECT_EQ(plan.offsets[0], plan.offsets[1]);
  EXPECT_EQ(plan.size_bytes, 1024);
}

TEST(MemoryPlan, TensorsOfOneTimeDoNot) {
  const MemoryPlan plan = plan_memory({{1000, 0, 2}, {64, 2, 3}});
  EXPECT_NE(plan.offsets[0], plan.offsets[1]);
  EXPECT_EQ(plan.size_bytes, 1024 + 64);
}

TEST(MemoryPlan, GapsAreUsed) {
  // The middle one dies; a later one of its size takes its place.
  const MemoryPlan plan = plan_memory({{640, 0, 9}, {640, 0, 3}, {640, 0, 9}, {640, 4, 9}});
  EXPECT_EQ(plan.size_bytes, 3 * 640);
}

TEST(MemoryPlan, NothingOverlapsInRandomPlans) {
  for (unsigned seed = 0; seed < 200; seed++) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> size(1, 5000), time(0, 30), length(0, 8), count(1, 40);
    std::vector<Lifetime> lifetimes(static_cast<size_t>(count(random)));
    int64_t total = 0;
    for (Lifetime &l : lifetimes) {
      l.size_bytes = size(random);
      l.first = time(random);
      l.last = l.first + length(random);
      total += (l.size_bytes + 63) / 64 * 64;
    }
    const MemoryPlan plan = plan_memory(lifetimes);
    EXPECT_LE(plan.size_bytes, total) << "seed " << seed;
    for (size_t a = 0; a < lifetimes.size(); a++) {
      EXPECT_EQ(plan.offsets[a] % 64, 0);
      EXPECT_LE(plan.offsets[a] + lifetimes[a].size_bytes, plan.size_bytes);
      for (size_t b = 0; b < a; b++) {
        const bool together = lifetimes[a].first <= lifetimes[b].last && lifetimes[b].first <= lifetimes[a].last;
        const bool apart = plan.offsets[a] + lifetimes[a].size_bytes <= plan.offsets[b] ||
                           plan.offsets[b] + lifetimes[b].size_bytes <= plan.offsets[a];
        EXPECT_TRUE(!together || apart) << "seed " << seed << ": " << a << " and " << b;
      }
    }
  }
}

TEST(MemoryPlan, WhatIsFreeAtAStep) {
  const std::vector<Lifetime> lifetimes{{640, 0, 9}, {1000, 0, 3}, {640, 0, 9}, {100, 4, 4}};
  const MemoryPlan plan = plan_memory(lifetimes);  // 1000, 640, 640, and the last one where the first was
  ASSERT_EQ(plan.size_bytes, 1024 + 2 * 640);
  EXPECT_TRUE(free_ranges(lifetimes, plan, 3, 64).empty());
  const std::vector<MemoryRange> later = free_ranges(lifetimes, plan, 4, 64);
  ASSERT_EQ(later.size(), 1u);
  EXPECT_EQ(later[0].begin, 100);
  EXPECT_EQ(later[0].end, 1024);
  EXPECT_TRUE(free_ranges(lifetimes, plan, 4, 1000).empty());
  const std::vector<MemoryRange> behind = free_ranges(lifetimes, plan, 10, 1);
  ASSERT_EQ(behind.size(), 1u);
  EXPECT_EQ(behind[0].end - behind[0].begin, plan.size_bytes);
}

TEST(MemoryPlan, FreeRangesHoldNoTensorOfTheStep) {
  for (unsigned seed = 0; seed < 100; seed++) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> size(1, 5000), time(0, 30), length(0, 8), count(1, 40);
    std::vector<Lifetime> lifetimes(static_cast<size_t>(count(random)));
    for (Lifetime &l : lifetimes) {
      l.first = time(random);
      l = {size(random), l.first, l.first + length(random)};
    }
    const MemoryPlan plan = plan_memory(lifetimes);
    for (int step = 0; step <= 40; step++) {
      std::vector<bool> is_free(static_cast<size_t>(plan.size_bytes), true);
      for (size_t i = 0; i < lifetimes.size(); i++) {
        if (lifetimes[i].first > step || lifetimes[i].last < step) continue;
        std::fill_n(is_free.begin() + plan.offsets[i], lifetimes[i].size_bytes, false);
      }
      for (const MemoryRange &range : free_ranges(lifetimes, plan, step, 1)) {
        const auto begin = is_free.begin() + range.begin, end = is_free.begin() + range.end;
        EXPECT_EQ(std::count(begin, end, true), range.end - range.begin) << "seed " << seed << ", step " << step;
        std::fill(begin, end, false);
      }
      EXPECT_EQ(std::count(is_free.begin(), is_free.end(), true), 0) << "seed " << seed << ", step " << step;
    }
  }
}

}  // namespace
}  // namespace sluice
