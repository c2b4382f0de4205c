// SPDX-License-Identifier: Apache-2.0
// Index rules of nearest-neighbour resampling, as TensorFlow and PyTorch compute them.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

namespace sluice::testing {

// round(i * (input - 1) / (output - 1)) in float32, halves away from zero.
inline int64_t align_corners(int64_t i, int64_t input, int64_t output) {
  const float scale = output > 1 ? static_cast<float>(input - 1) / static_cast<float>(output - 1)
                                 : static_cast<float>(input) / static_cast<float>(output);
  return std::min(static_cast<int64_t>(std::lround(static_cast<double>(static_cast<float>(i) * scale))), input - 1);
}

}  // namespace sluice::testing
