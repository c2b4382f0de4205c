// SPDX-License-Identifier: Apache-2.0
// Parts of pictures: boxes, and a few of them together.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/kernel_call.h"

namespace sluice {

// Pixels [x0, x1) by [y0, y1) of a tensor [n c h w], all channels and pictures.
struct Box {
  int64_t x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  bool empty() const { return x0 >= x1 || y0 >= y1; }
  int64_t area() const { return empty() ? 0 : (x1 - x0) * (y1 - y0); }
  bool contains(const Box &other) const;
  bool operator==(const Box &) const = default;
};
Box joined(const Box &a, const Box &b);  // the smallest box that holds both
Box common(const Box &a, const Box &b);

// Boxes that may overlap. Two are joined where that adds fewer than `spare` pixels: what a call of its own is worth.
// There are kMostBoxes at most, whatever a mask is like: with more, `spare` grows.
class Region {
 public:
  explicit Region(int64_t spare = 0) : spare_(spare) {}
  Region(const Box &box, int64_t spare) : spare_(spare) { add(box); }

  static constexpr size_t kMostBoxes = 64;
  void add(const Box &box);
  void add(const Region &other);
  Region within(const Region &other) const;
  bool contains(const Box &box) const;  // one of the boxes does
  bool empty() const { return boxes_.empty(); }
  int64_t area() const;  // what boxes share counts twice, as it is computed twice
  const std::vector<Box> &boxes() const { return boxes_; }

 private:
  int64_t spare_;
  std::vector<Box> boxes_;
};

// That part of a tensor of extents c, w, h, n.
BufferView crop(const BufferView &whole, const Box &box);
// Everything outside of the region becomes 0.
void clear_outside(const BufferView &whole, const Region &region);
// The pixels where a tensor of one channel is not `other`, in any of its pictures.
Region pixels_other_than(const BufferView &mask, float other);

}  // namespace sluice
