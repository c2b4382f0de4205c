// SPDX-License-Identifier: Apache-2.0
// Convolution with a few output channels (3: a picture): vectors of them would be nearly empty, and vectors of pixels
// of one input channel would have to be turned out of memory. So a vector is four input channels of neighbouring
// pixels, as they lie in memory; it has the sums over every fourth input channel, and only the result adds four
// neighbouring elements.
//
// Rows of the input are staged four channels wide: element 4 * x + q of group g is channel 4 * g + q of pixel x.
#pragma once
#include "convolution.h"

namespace sluice::narrow {

constexpr int kGroup = 4;     // input channels side by side
constexpr int kTogether = 3;  // output channels summed together; of fewer the last one again
// Beyond these the rows that are staged would not stay in cache.
constexpr const char *kFits = "kernel_h<=32 kernel_w<=32 dilation_h<=16 dilation_w<=16";

inline Halide::Expr groups(const Halide::Expr &channels) { return (channels + kGroup - 1) / kGroup; }

// Element `lane` of the vector of weights that belongs to group `group`. weight(i): that of input channel i.
template <typename Weight>
Halide::Expr packed_weight(const Halide::Expr &lane, const Halide::Expr &group, const Halide::Expr &channels,
                           Weight weight) {
  const Halide::Expr i = group * kGroup + lane % kGroup;
  const Halide::Expr value = weight(Halide::min(i, channels - 1));
  return Halide::select(i < channels, value, Halide::cast(value.type(), 0));
}

// Stages "staged", "partial" and "sum"(c, x, y, n), with weights packed as packed_weight(lane, 0, group, kx, ky, o).
inline void define_sum(const Context &in, const ConvolutionInput &input, Stages &stages) {
  using namespace Halide;
  const Var u("u"), g("g"), o("o"), c("c"), x("x"), y("y"), n("n");
  const Operand &weight = in["packed_weight"];
  const Expr channels = in["input"].extent.at("c"), channel = g * kGroup + u % kGroup;
  Func &full = stages.add("full_groups");
  full() = channels % kGroup == 0;
  // A row beyond the edge is one without columns: the columns inside any row are one range, copied without a question.
  const Operand &source = in["input"];
  const Expr column = u / kGroup - input.across().before, row = y - input.down().before;
  const Expr last_column = source.extent.at("x") - 1, last_row = source.extent.at("y") - 1;
  const Expr width = source.extent.at("x") * cast<int>(row >= 0 && row <= last_row);
  const auto read = [&](const Expr &i) {
    return select(column < 0 || column >= width, in.constant(0),
                  source.stored(i, clamp(likely(column), 0, max(last_column, 0)), clamp(row, 0, max(last_row, 0)), n));
  };
  stages.add("staged")(u, g, y, n) =
      select(full(), read(unsafe_promise_clamped(channel, 0, channels - 1)),
             select(channel < channels, read(min(channel, channels - 1)), in.constant(0)));
  const RDom r(0, weight.extent.at("i"), 0, weight.extent.at("kx"), 0, weight.extent.at("ky"));  // group, kx, ky
  Func &partial = stages.add("partial");
  partial(u, o, y, n) = in.constant(0);
  partial(u, o, y, n) +=
      weight(u % in.lanes, 0, r[0], r[1], r[2], min(o, weight.extent.at("panel") - 1)) *
      stages["staged"](u + kGroup * r[1] * in.scalar("dilation_w"), r[0], y + r[2] * in.scalar("dilation_h"), n);
  Expr sum = partial(kGroup * x, c, y, n);
  for (int q = 1; q < kGroup; q++) sum += partial(kGroup * x + q, c, y, n);
  stages.add("sum")(c, x, y, n) = sum;
}

}  // namespace sluice::narrow
