// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_memory.h"

#include <HalideRuntime.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "runtime/kernel_call.h"
#include "runtime/scratch_space.h"

namespace sluice {
namespace {

constexpr size_t kAlignment = ScratchSpace::kAlignment;  // of what kernels get
constexpr size_t kSmallest = size_t{64} << 10;           // smaller blocks the C library keeps itself
constexpr size_t kMost = size_t{256} << 20;              // of free blocks together
constexpr size_t kLargePage = size_t{2} << 20;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSeesEveryBlock = true;  // the address sanitizer, which is to see each of them end
#else
constexpr bool kSeesEveryBlock = false;
#endif

// Before every block.
struct Header {
  void *memory;  // what was allocated
  size_t bytes;  // of all of it
};

// A table of fixed size: to give memory back must need none.
struct FreeBlocks {
  std::mutex mutex;
  std::array<void *, 64> blocks{};  // null: a free place
  size_t bytes = 0;
};

// Never destroyed: kernels of other threads may outlive main().
FreeBlocks &free_blocks() {
  static auto *blocks = new FreeBlocks;
  return *blocks;
}

Header &header_of(void *block) { return *reinterpret_cast<Header *>(static_cast<char *>(block) - kAlignment); }

size_t round_up(size_t size, size_t multiple) { return (size + multiple - 1) / multiple * multiple; }

// A free block of so many bytes, or of up to twice as many.
void *take(size_t bytes) {
  FreeBlocks &free = free_blocks();
  const std::lock_guard<std::mutex> lock(free.mutex);
  void **best = nullptr;
  for (void *&block : free.blocks) {
    const size_t size = block == nullptr ? 0 : header_of(block).bytes;
    if (size >= bytes && size <= 2 * bytes && (best == nullptr || size < header_of(*best).bytes)) best = &block;
  }
  if (best == nullptr) return nullptr;
  free.bytes -= header_of(*best).bytes;
  return std::exchange(*best, nullptr);
}

// Whether there is room to keep it.
bool keep(void *block, size_t bytes) {
  FreeBlocks &free = free_blocks();
  const std::lock_guard<std::mutex> lock(free.mutex);
  const auto place = std::find(free.blocks.begin(), free.blocks.end(), nullptr);
  if (place == free.blocks.end() || free.bytes + bytes > kMost) return false;
  *place = block;
  free.bytes += bytes;
  return true;
}

ScratchSpace *scratch_of(void *user_context) {
  return user_context == nullptr ? nullptr : static_cast<CallContext *>(user_context)->scratch;
}

void *allocate(void *user_context, size_t size) {
  if (ScratchSpace *scratch = scratch_of(user_context); scratch != nullptr && size >= ScratchSpace::kSmallest) {
    if (void *block = scratch->take(size)) return block;
  }
  const size_t bytes = round_up(size + kAlignment, size < kSmallest ? kAlignment : kSmallest / 16);
  if (bytes < size) return nullptr;
  if (bytes >= kSmallest) {
    if (void *block = take(bytes)) return block;
  }
  const bool large = bytes >= 2 * kLargePage;
  void *memory = std::aligned_alloc(large ? kLargePage : kAlignment, round_up(bytes, large ? kLargePage : kAlignment));
  if (memory == nullptr) return nullptr;
  if (large) madvise(memory, bytes, MADV_HUGEPAGE);  // advice: may be refused
  void *block = static_cast<char *>(memory) + kAlignment;
  header_of(block) = {memory, bytes};
  return block;
}

void release(void *user_context, void *block) {
  if (block == nullptr) return;
  if (ScratchSpace *scratch = scratch_of(user_context); scratch != nullptr && scratch->give_back(block)) return;
  const Header header = header_of(block);
  if (header.bytes < kSmallest || !keep(block, header.bytes)) std::free(header.memory);
}

}  // namespace

void keep_kernel_memory() {
  if constexpr (kSeesEveryBlock) return;
  halide_set_custom_malloc(allocate);
  halide_set_custom_free(release);
}

}  // namespace sluice
