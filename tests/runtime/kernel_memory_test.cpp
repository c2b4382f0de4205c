// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_memory.h"

#include <HalideRuntime.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "runtime/kernel_call.h"

namespace sluice {
namespace {

constexpr size_t kMega = size_t{1} << 20;

class KernelMemory : public ::testing::Test {
 protected:
  KernelMemory() { prepare_kernels(); }
};

TEST_F(KernelMemory, BlocksAreWholeAndAligned) {
  for (const size_t size : {size_t{1}, size_t{100}, 64 * size_t{1024} - 128, kMega + 3, 9 * kMega}) {
    void *block = halide_malloc(nullptr, size);
    ASSERT_NE(block, nullptr) << size;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 128, 0u) << size;
    std::memset(block, 0x5a, size);
    halide_free(nullptr, block);
  }
  halide_free(nullptr, nullptr);
}

#if !defined(__SANITIZE_ADDRESS__)
TEST_F(KernelMemory, LargeBlocksServeAgain) {
  void *first = halide_malloc(nullptr, 60 * kMega);  // no other test leaves one as large
  halide_free(nullptr, first);
  void *second = halide_malloc(nullptr, 50 * kMega);  // smaller, but more than half
  EXPECT_EQ(second, first);
  void *third = halide_malloc(nullptr, 50 * kMega);  // in use: another
  EXPECT_NE(third, first);
  halide_free(nullptr, second);
  halide_free(nullptr, third);
}

TEST_F(KernelMemory, MoreThanCanBeHadIsRefused) {
  EXPECT_EQ(halide_malloc(nullptr, SIZE_MAX - 64), nullptr);
  EXPECT_EQ(halide_malloc(nullptr, SIZE_MAX / 2), nullptr);
}
#endif

// Every thread finds in its blocks what it wrote.
TEST_F(KernelMemory, ThreadsDoNotShareBlocks) {
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (size_t t = 0; t < wrong.size(); t++) {
    threads.emplace_back([&wrong, t] {
      for (size_t round = 0; round < 200; round++) {
        const size_t size = 70000 + 40000 * (round % 7);
        auto *block = static_cast<unsigned char *>(halide_malloc(nullptr, size));
        std::memset(block, static_cast<int>(t + 1), size);
        for (size_t i = 0; i < size; i += 4096) wrong[t] += block[i] == t + 1 ? 0 : 1;
        halide_free(nullptr, block);
      }
    });
  }
  for (std::thread &thread : threads) thread.join();
  for (const int count : wrong) EXPECT_EQ(count, 0);
}

}  // namespace
}  // namespace sluice
