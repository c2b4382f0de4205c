// SPDX-License-Identifier: Apache-2.0
// How the gradients of a convolution's weight and bias are computed on a CPU (part=linear of a backward kernel).
#pragma once
#include "schedules/cpu/schedule.h"

namespace sluice {

// adjoint_normed_weight(kx, ky, i, o) += sum over x, y, n of adjoint(o, x, y, n) * input under the tap: a product of
// two matrices whose common axis is the pixels. Two vectors of output channels by weight_tile_i input channels
// accumulate in registers along weight_rows rows; their sums are added to the gradient in the order of the rows,
// whatever thread does it. A task is two vectors of output channels and a row of taps: its part of the gradient stays
// in cache while the pictures pass by.
inline void schedule_weight_gradient(Plan &plan) {
  using namespace Halide;
  const int lanes = plan.lanes(), panel = 2 * lanes, tile_i = plan.tuned("weight_tile_i");
  const Var kx("kx"), ky("ky"), i("i"), o("o"), oo("oo"), oi("oi"), ov("ov"), ii("ii"), io("io"), v("v"), w("w");
  const RVar yo("yo"), yi("yi");
  Func &weight = plan.gradients["adjoint_normed_weight"];
  const std::vector<RVar> r = weight.rvars();  // x, y, n
  weight.update().split(r[1], yo, yi, plan.tuned("weight_rows"), TailStrategy::GuardWithIf);
  Func rows = weight.update().rfactor({{yo, v}, {r[2], w}});
  weight.compute_root().reorder_storage(o, i, kx, ky).reorder(o, i, kx, ky);
  weight.vectorize(o, lanes, TailStrategy::RoundUp).parallel(ky);
  weight.update()
      .split(o, oo, oi, panel, TailStrategy::RoundUp)
      .split(i, io, ii, tile_i, TailStrategy::GuardWithIf)
      .split(oi, ov, oi, lanes)
      .reorder(oi, ov, ii, io, kx, yo, r[2], ky, oo)
      .vectorize(oi)
      .unroll(ov)
      .unroll(ii)
      .fuse(ky, oo, ky)
      .parallel(ky);
  if (plan.stages.has("tap")) {  // as many copies of a row as the window is wide, so that sums ask for no edge
    Func &tap = plan.stages["tap"];
    tap.compute_at(weight, yo).vectorize(tap.args()[0], lanes, TailStrategy::GuardWithIf);
  }
  rows.compute_at(weight, io).bound_extent(o, panel).bound_extent(i, tile_i).reorder_storage(o, i, kx, ky, v, w);
  rows.reorder(o, i, kx, ky, v, w).vectorize(o, lanes).unroll(o).unroll(i);
  rows.update().reorder(o, i, r[0], yi, kx, ky, v, w).vectorize(o, lanes).unroll(o).unroll(i);
}

// A stage of tensors: rows in parallel, vectors along channels.
inline void store_rows(Halide::Func &stage, const Plan &plan) {
  using namespace Halide;
  const std::vector<Var> axes = stage.args();  // c, x, y, n
  const Var row("row");
  stage.compute_root().fuse(axes[2], axes[3], row).parallel(row, 4, TailStrategy::GuardWithIf);
  stage.vectorize(axes[0], plan.lanes(), TailStrategy::RoundUp);
}

// The sum over pixels of the adjoint: by rows in parallel, then the rows one after the other.
inline void schedule_bias_gradient(Halide::Func &bias, const Plan &plan) {
  using namespace Halide;
  const Var o = bias.args()[0], v("v"), w("w");
  const std::vector<RVar> r = bias.rvars();
  Func rows = bias.update().rfactor({{r[1], v}, {r[2], w}});
  bias.compute_root().vectorize(o, plan.lanes(), TailStrategy::RoundUp);
  bias.update().reorder(o, r[1], r[2]).vectorize(o, plan.lanes(), TailStrategy::RoundUp);
  rows.compute_root().vectorize(o, plan.lanes(), TailStrategy::RoundUp).parallel(w);
  rows.update().reorder(o, r[0], v, w).vectorize(o, plan.lanes(), TailStrategy::RoundUp).parallel(v);
}

inline void schedule_linear_gradient(Plan &plan) {
  for (const char *table : {"column", "row"}) {
    if (plan.stages.has(table)) plan.stages[table].compute_root();
  }
  if (plan.stages.has("padded")) store_rows(plan.stages["padded"], plan);
  for (const char *vector : {"norm_scale", "norm_shift", "offset"}) plan.stages[vector].compute_root();
  store_rows(plan.gradients["adjoint_sum_0"], plan);
  schedule_weight_gradient(plan);
  schedule_bias_gradient(plan.gradients["adjoint_offset"], plan);
}

}  // namespace sluice
