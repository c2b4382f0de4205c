// SPDX-License-Identifier: Apache-2.0
// Resizing of one channel as numbers.
#pragma once
#include <cstddef>
#include <vector>

namespace sluice {

// One channel, row-major; the unit is the caller's (pictures: 0..255).
struct Plane {
  int width = 0;
  int height = 0;
  std::vector<float> values;

  float at(int x, int y) const {
    return values[static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)];
  }
};

enum class Filter {
  bicubic,  // Keys' cubic with a = -1/2, over 2 samples to each side
  lanczos,  // sinc(x) sinc(x / 3), over 3 samples to each side
};

// Another size, the convention of Pillow (python-pillow/Pillow: src/libImaging/Resample.c): pixel centres lie at
// i + 1/2; where the picture becomes smaller, the filter is stretched by the same factor; at the borders, what lies
// outside has no weight and the weights are scaled to the sum 1. First rows, then columns; a side that keeps its length
// keeps its values. Nothing is rounded or clamped: both filters overshoot at edges. Error(usage) when the plane is
// empty or contradicts its size, or a side is below 1.
Plane resize(const Plane &plane, int width, int height, Filter filter);

}  // namespace sluice
