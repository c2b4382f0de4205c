// SPDX-License-Identifier: Apache-2.0
// Places in memory that nobody uses for a while: what of an arena holds no tensor during a step. Large buffers of the
// step's kernel live there, so that a run needs no memory of its own for them.
#pragma once
#include <cstddef>
#include <mutex>
#include <vector>

#include "runtime/memory_plan.h"

namespace sluice {

class ScratchSpace {
 public:
  // Ranges of the memory at `base`, in order, none touching another; what is in them is lost.
  ScratchSpace(void *base, const std::vector<MemoryRange> &ranges);

  // From the smallest range that has room, aligned to kAlignment; null: there is none. Any thread.
  void *take(size_t bytes);
  // False, and nothing done, where the block is not of here. Any thread.
  bool give_back(void *block);

  static constexpr size_t kAlignment = 128;  // Halide asks for a vector, two lines of cache serve prefetching
  static constexpr size_t kSmallest = size_t{1} << 20;  // of blocks and ranges: smaller ones had better stay in a cache

 private:
  struct Piece {
    char *begin, *end;
    size_t bytes() const { return static_cast<size_t>(end - begin); }
  };
  char *begin_ = nullptr, *end_ = nullptr;  // of all ranges
  std::mutex mutex_;
  std::vector<Piece> free_;   // in order, neighbours joined
  std::vector<Piece> taken_;  // in any order
};

}  // namespace sluice
