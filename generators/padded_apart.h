// SPDX-License-Identifier: Apache-2.0
// The input of a convolution with its border of zeros, for kernels that read it where it lies.
#pragma once
#include "convolution.h"

namespace sluice {

// Stage "padded", which is zero beyond the picture. Rows are asked apart from columns: a loop over either then has a
// part in which no tap is beyond that edge. Its channel c is channel `source` of the input. Forward only.
inline Halide::Func padded_apart(const Context &in, Stages &stages, const ConvolutionInput &reader,
                                 const Halide::Var &c, const Halide::Expr &source) {
  using namespace Halide;
  const Var x("x"), y("y"), n("n");
  const ConvolutionAxis across = reader.across(), down = reader.down();
  const Expr u = x - across.before, v = y - down.before, zero = in.constant(0);
  const Expr column = clamp(likely(u), 0, across.size - 1), row = clamp(likely(v), 0, down.size - 1);
  const Expr inside = likely(in["input"].stored(source, column, row, n));
  Func &padded = stages.add("padded");
  padded(c, x, y, n) = select(v >= 0 && v < down.size, likely(select(u >= 0 && u < across.size, inside, zero)), zero);
  return padded;
}

}  // namespace sluice
