// SPDX-License-Identifier: Apache-2.0
#include "runtime/scratch_space.h"

#include <HalideRuntime.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "runtime/kernel_call.h"

namespace sluice {
namespace {

constexpr size_t kMega = size_t{1} << 20;

struct AlignedMemory {
  explicit AlignedMemory(size_t bytes) : bytes_(bytes + 4096) {}
  char *base() {
    const auto beyond = reinterpret_cast<uintptr_t>(bytes_.data()) % 4096;
    return bytes_.data() + (4096 - beyond);
  }

 private:
  std::vector<char> bytes_;
};

TEST(ScratchSpace, SmallestRangeThatHasRoom) {
  AlignedMemory memory(8192);
  ScratchSpace space(memory.base(), {{0, 2048}, {3072, 4096}, {5120, 8192}});
  EXPECT_EQ(space.take(1000), memory.base() + 3072);
  EXPECT_EQ(space.take(1025), memory.base());
  EXPECT_EQ(space.take(4000), nullptr);  // together there is more, in no place
  EXPECT_EQ(space.take(3072), memory.base() + 5120);
  EXPECT_EQ(space.take(SIZE_MAX), nullptr);
}

TEST(ScratchSpace, BlocksBeginAtWholeLines) {
  AlignedMemory memory(4096);
  ScratchSpace space(memory.base(), {{64, 4000}});
  EXPECT_EQ(space.take(1), memory.base() + 128);
  EXPECT_EQ(space.take(1), memory.base() + 256);
}

TEST(ScratchSpace, WhatComesBackIsOnePieceAgain) {
  AlignedMemory memory(4096);
  for (const std::vector<int> &order : std::vector<std::vector<int>>{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}}) {
    ScratchSpace space(memory.base(), {{0, 4096}});
    std::vector<void *> blocks;
    for (int i = 0; i < 4; i++) blocks.push_back(space.take(1024));
    EXPECT_EQ(space.take(1), nullptr);
    for (const int i : order) EXPECT_TRUE(space.give_back(blocks[static_cast<size_t>(i)]));
    EXPECT_EQ(space.take(4096), memory.base());
  }
}

TEST(ScratchSpace, OthersBlocksAreRefused) {
  AlignedMemory memory(4096);
  ScratchSpace space(memory.base(), {{1024, 4096}}), empty(memory.base(), {});
  char *const block = static_cast<char *>(space.take(1024));
  EXPECT_FALSE(space.give_back(memory.base()));
  EXPECT_FALSE(space.give_back(block + 128));
  EXPECT_FALSE(empty.give_back(block));
  EXPECT_EQ(empty.take(1), nullptr);
  EXPECT_TRUE(space.give_back(block));
  EXPECT_FALSE(space.give_back(block));  // given back already
}

TEST(ScratchSpace, ThreadsDoNotShareBlocks) {
  AlignedMemory memory(64 * 4096);
  ScratchSpace space(memory.base(), {{0, 20 * 4096}, {21 * 4096, 64 * 4096}});
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (size_t t = 0; t < wrong.size(); t++) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int round = 0; round < 3000; round++) {
        const size_t size = 1 + random() % 30000;
        auto *block = static_cast<unsigned char *>(space.take(size));
        if (block == nullptr) continue;
        std::memset(block, static_cast<int>(t + 1), size);
        for (size_t i = 0; i < size; i += 256) wrong[t] += block[i] == t + 1 ? 0 : 1;
        wrong[t] += space.give_back(block) ? 0 : 1;
      }
    });
  }
  for (std::thread &thread : threads) thread.join();
  for (const int count : wrong) EXPECT_EQ(count, 0);
  EXPECT_EQ(space.take(43 * 4096), memory.base() + 21 * 4096);  // all of it came back
}

#if !defined(__SANITIZE_ADDRESS__)  // where every block is allocated by itself
TEST(ScratchSpace, KernelsHaveTheirLargeBuffersThere) {
  prepare_kernels();
  std::vector<char> memory(8 * kMega);
  ScratchSpace space(memory.data(), {{0, static_cast<int64_t>(memory.size())}});
  CallContext context;
  context.scratch = &space;
  const auto is_there = [&](void *block) { return block >= memory.data() && block < memory.data() + memory.size(); };
  void *const large = halide_malloc(&context, 5 * kMega), *const second = halide_malloc(&context, 5 * kMega);
  void *const small = halide_malloc(&context, ScratchSpace::kSmallest / 2);
  EXPECT_TRUE(is_there(large));
  EXPECT_FALSE(is_there(second));
  EXPECT_FALSE(is_there(small));
  for (void *block : {large, second, small}) {
    ASSERT_NE(block, nullptr);
    std::memset(block, 0x5a, ScratchSpace::kSmallest / 2);
    halide_free(&context, block);
  }
  EXPECT_TRUE(is_there(space.take(7 * kMega)));
}
#endif

}  // namespace
}  // namespace sluice
