// SPDX-License-Identifier: Apache-2.0
#include "runtime/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>

#include "weights_io/error.h"

namespace sluice {

Arena allocate_arena(int64_t bytes, const std::string &model) {
  constexpr int64_t kVector = 64, kLargePage = 2 << 20;
  const int64_t alignment = bytes < 2 * kLargePage ? kVector : kLargePage;
  const int64_t pieces = (std::max<int64_t>(bytes, 1) + alignment - 1) / alignment;
  const auto size = static_cast<size_t>(pieces * alignment);
  void *memory = std::aligned_alloc(static_cast<size_t>(alignment), size);
  if (memory == nullptr)
    throw Error(ErrorCode::input_failed, fmt::format("model {}: no memory for {} MB of tensors", model, bytes >> 20));
  if (alignment == kLargePage) madvise(memory, size, MADV_HUGEPAGE);  // advice: may be refused
  return Arena(static_cast<float *>(memory));
}

}  // namespace sluice
