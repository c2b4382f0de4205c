// SPDX-License-Identifier: Apache-2.0
// Index rules of nearest-neighbour resampling.
#pragma once
#include "Halide.h"

namespace sluice {

// The input index (0 <= result < input) that output index i of `output` reads.
inline Halide::Expr nearest(const Halide::Expr &i, const Halide::Expr &input, const Halide::Expr &output,
                            bool align_corners) {
  using namespace Halide;
  if (!align_corners) return clamp(i * input / max(output, 1), 0, input - 1);
  const Expr scale = select(output > 1, cast<float>(input - 1) / cast<float>(max(output - 1, 1)),
                            cast<float>(input) / cast<float>(max(output, 1)));
  const Expr position = cast<float>(i) * scale, whole = floor(position);
  return clamp(cast<int>(whole) + select(position - whole >= 0.5f, 1, 0), 0, input - 1);
}

}  // namespace sluice
