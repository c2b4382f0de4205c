// SPDX-License-Identifier: Apache-2.0
#include "runtime/training/views.h"

#include <cmath>

#include "runtime/port_view.h"

namespace sluice {
namespace {

template <typename Act>  // (float *row of `from`, float *row of `to`, channels)
void for_each_row(const BufferView &source, const BufferView &target, const Act &act) {
  const BufferView from = as_picture(source), to = as_picture(target);
  const auto at = [](const BufferView &view, int64_t x, int64_t y, int64_t n) {
    return static_cast<float *>(view.data) + x * view.strides[1] + y * view.strides[2] + n * view.strides[3];
  };
  for (int64_t n = 0; n < from.extents[3]; n++) {
    for (int64_t y = 0; y < from.extents[2]; y++) {
      for (int64_t x = 0; x < from.extents[1]; x++) act(at(from, x, y, n), at(to, x, y, n), from.extents[0]);
    }
  }
}

}  // namespace

void add_view(const BufferView &source, const BufferView &target) {
  for_each_row(source, target, [](const float *from, float *to, int64_t count) {
    for (int64_t c = 0; c < count; c++) to[c] += from[c];
  });
}

bool all_finite(const BufferView &view) {
  bool finite = true;
  for_each_row(view, view, [&](const float *from, const float *, int64_t count) {
    for (int64_t c = 0; c < count; c++) finite = finite && std::isfinite(from[c]);
  });
  return finite;
}

}  // namespace sluice
