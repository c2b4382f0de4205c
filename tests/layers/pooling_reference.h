// SPDX-License-Identifier: Apache-2.0
// Which pixels a pooling window covers.
#pragma once
#include "tests/layers/layer_cases.h"

namespace sluice::testing {

// Extent of a pooled axis (2: y, 3: x).
inline int64_t pooled(const Attributes &a, const std::vector<int64_t> &shape, size_t axis) {
  const size_t side = axis - 2;
  const int64_t padding = a.integer("padding", 0, 2 * side) + a.integer("padding", 0, 2 * side + 1);
  const int64_t reach = (a.integer("kernel", 1, side) - 1) * a.integer("dilation", 1, side) + 1;
  return (shape[axis] + padding - reach) / a.integer("stride", 1, side) + 1;
}

// Calls visit(n, c, y, x, v, u, inside) for every tap: rows first, then columns.
template <typename Visit>
void for_each_tap(const Attributes &a, const std::vector<int64_t> &shape, Visit visit) {
  const int64_t h = pooled(a, shape, 2), w = pooled(a, shape, 3);
  const int64_t taps = a.integer("kernel", 1, 0) * a.integer("kernel", 1, 1);
  for (int64_t i = 0; i < shape[0] * shape[1] * h * w * taps; i++) {
    const int64_t tap = i % taps, x = i / taps % w, y = i / taps / w % h, c = i / taps / w / h % shape[1];
    const int64_t ky = tap / a.integer("kernel", 1, 1), kx = tap % a.integer("kernel", 1, 1);
    const int64_t v = y * a.integer("stride", 1, 0) + ky * a.integer("dilation", 1, 0) - a.integer("padding", 0, 0);
    const int64_t u = x * a.integer("stride", 1, 1) + kx * a.integer("dilation", 1, 1) - a.integer("padding", 0, 2);
    visit(i / taps / w / h / shape[1], c, y, x, v, u, v >= 0 && u >= 0 && v < shape[2] && u < shape[3]);
  }
}

}  // namespace sluice::testing
