// SPDX-License-Identifier: Apache-2.0
#include "runtime/scratch_space.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>

namespace sluice {
namespace {

char *aligned_up(char *place) {
  const size_t beyond = reinterpret_cast<uintptr_t>(place) % ScratchSpace::kAlignment;
  return beyond == 0 ? place : place + (ScratchSpace::kAlignment - beyond);
}

}  // namespace

ScratchSpace::ScratchSpace(void *base, const std::vector<MemoryRange> &ranges) {
  for (const MemoryRange &range : ranges) {
    char *const begin = static_cast<char *>(base) + range.begin, *const end = static_cast<char *>(base) + range.end;
    if (aligned_up(begin) < end) free_.push_back({aligned_up(begin), end});
  }
  if (free_.empty()) return;
  begin_ = free_.front().begin;
  end_ = free_.back().end;
}

void *ScratchSpace::take(size_t bytes) {
  if (begin_ == end_ || bytes > static_cast<size_t>(end_ - begin_)) return nullptr;
  const size_t size = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const std::lock_guard<std::mutex> lock(mutex_);
  auto best = free_.end();
  for (auto piece = free_.begin(); piece != free_.end(); ++piece) {
    if (piece->bytes() >= size && (best == free_.end() || piece->bytes() < best->bytes())) best = piece;
  }
  if (best == free_.end()) return nullptr;
  char *const block = best->begin;
  taken_.push_back({block, block + size});
  best->begin += size;
  if (best->begin == best->end) free_.erase(best);
  return block;
}

bool ScratchSpace::give_back(void *block) {
  const std::less<const char *> before;
  char *const place = static_cast<char *>(block);
  if (before(place, begin_) || !before(place, end_)) return false;
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto taken =
      std::find_if(taken_.begin(), taken_.end(), [place](const Piece &piece) { return piece.begin == place; });
  if (taken == taken_.end()) return false;
  const Piece piece = *taken;
  taken_.erase(taken);
  auto next = std::lower_bound(free_.begin(), free_.end(), piece,
                               [](const Piece &a, const Piece &b) { return a.begin < b.begin; });
  if (next != free_.end() && next->begin == piece.end) {
    next->begin = piece.begin;
  } else {
    next = free_.insert(next, piece);
  }
  if (next == free_.begin() || std::prev(next)->end != next->begin) return true;
  std::prev(next)->end = next->end;
  free_.erase(next);
  return true;
}

}  // namespace sluice
