// SPDX-License-Identifier: Apache-2.0
#include "runtime/region.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

constexpr int64_t kCell = 32;  // pixels: a mask is looked at cell by cell, the pixels of a cell make one box

bool all_equal(const BufferView &mask, int64_t n, int64_t x, int64_t y, int64_t width, float other) {
  const float *row = static_cast<const float *>(mask.data) + n * mask.strides[3] + y * mask.strides[2];
  for (int64_t i = x; i < x + width; i++) {
    if (row[i * mask.strides[1]] != other) return false;
  }
  return true;
}

// The smallest box of a cell's pixels that are not `other`.
Box cell_box(const BufferView &mask, int64_t n, const Box &cell, float other) {
  Box box;
  for (int64_t y = cell.y0; y < cell.y1; y++) {
    if (all_equal(mask, n, cell.x0, y, cell.x1 - cell.x0, other)) continue;
    int64_t first = cell.x0, last = cell.x1;
    while (all_equal(mask, n, first, y, 1, other)) first++;
    while (all_equal(mask, n, last - 1, y, 1, other)) last--;
    box = joined(box, {first, y, last, y + 1});
  }
  return box;
}

}  // namespace

bool Box::contains(const Box &other) const {
  return other.empty() || (x0 <= other.x0 && y0 <= other.y0 && x1 >= other.x1 && y1 >= other.y1);
}

Box joined(const Box &a, const Box &b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return {std::min(a.x0, b.x0), std::min(a.y0, b.y0), std::max(a.x1, b.x1), std::max(a.y1, b.y1)};
}

Box common(const Box &a, const Box &b) {
  const Box both{std::max(a.x0, b.x0), std::max(a.y0, b.y0), std::min(a.x1, b.x1), std::min(a.y1, b.y1)};
  return both.empty() ? Box{} : both;
}

void Region::add(const Box &box) {
  Box grown = box;
  if (grown.empty()) return;
  for (size_t i = 0; i < boxes_.size();) {
    const Box both = joined(grown, boxes_[i]);
    if (both.area() < grown.area() + boxes_[i].area() + spare_) {
      grown = both;
      boxes_.erase(boxes_.begin() + static_cast<std::ptrdiff_t>(i));
      i = 0;  // what was too far away before may be near now
    } else {
      i++;
    }
  }
  boxes_.push_back(grown);
  if (boxes_.size() <= kMostBoxes) return;
  spare_ = std::max(2 * spare_, kCell * kCell);
  for (const Box &one : std::exchange(boxes_, {})) add(one);
}

void Region::add(const Region &other) {
  for (const Box &box : other.boxes_) add(box);
}

Region Region::within(const Region &other) const {
  Region both(spare_);
  for (const Box &a : boxes_) {
    for (const Box &b : other.boxes_) both.add(common(a, b));
  }
  return both;
}

bool Region::contains(const Box &box) const {
  return std::any_of(boxes_.begin(), boxes_.end(), [&](const Box &one) { return one.contains(box); });
}

int64_t Region::area() const {
  int64_t area = 0;
  for (const Box &box : boxes_) area += box.area();
  return area;
}

BufferView crop(const BufferView &whole, const Box &box) {
  BufferView part = whole;
  part.data = static_cast<float *>(whole.data) + box.x0 * whole.strides[1] + box.y0 * whole.strides[2];
  part.extents[1] = box.x1 - box.x0;
  part.extents[2] = box.y1 - box.y0;
  return part;
}

void clear_outside(const BufferView &whole, const Region &region) {
  const int64_t channels = whole.extents[0], width = whole.extents[1];
  std::vector<char> inside(static_cast<size_t>(width));
  for (int64_t y = 0; y < whole.extents[2]; y++) {
    std::fill(inside.begin(), inside.end(), char{0});
    for (const Box &box : region.boxes()) {
      if (y >= box.y0 && y < box.y1) std::fill(inside.begin() + box.x0, inside.begin() + box.x1, char{1});
    }
    for (int64_t n = 0; n < whole.extents[3]; n++) {
      float *row = static_cast<float *>(whole.data) + n * whole.strides[3] + y * whole.strides[2];
      for (int64_t x = 0; x < width; x++) {
        if (inside[static_cast<size_t>(x)] == 0) std::fill_n(row + x * whole.strides[1], channels, 0.0f);
      }
    }
  }
}

Region pixels_other_than(const BufferView &mask, float other) {
  Region region;
  for (int64_t y = 0; y < mask.extents[2]; y += kCell) {
    for (int64_t x = 0; x < mask.extents[1]; x += kCell) {
      const Box cell{x, y, std::min(x + kCell, mask.extents[1]), std::min(y + kCell, mask.extents[2])};
      for (int64_t n = 0; n < mask.extents[3]; n++) region.add(cell_box(mask, n, cell, other));
    }
  }
  return region;
}

}  // namespace sluice
