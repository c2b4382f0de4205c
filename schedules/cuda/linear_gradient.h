// SPDX-License-Identifier: Apache-2.0
// How the gradients of a convolution's weight and bias are computed on a GPU (part=linear of a backward kernel).
#pragma once
#include "schedules/cuda/schedule.h"

namespace sluice {

// adjoint_normed_weight(kx, ky, i, o) += sum over x, y, n of adjoint(o, x, y, n) * input under the tap. A thread has
// kTile by kTile weights of a tap in registers, along kRows rows of one picture; a block 8 by 8 threads. The sums of
// rows are stored, then added in their order.
inline void launch_weight_gradient(Halide::Func &weight) {
  using namespace Halide;
  constexpr int kRows = 16, kTile = 4, kSide = 8;
  const Var kx("kx"), ky("ky"), i("i"), o("o"), v("v"), w("w"), to("to"), ti("ti"), thread("thread"), column("column"),
      tile("tile"), tap("tap"), slab("slab");
  const RVar yo("yo"), yi("yi");
  const std::vector<RVar> r = weight.rvars();  // x, y, n
  weight.update().split(r[1], yo, yi, kRows, TailStrategy::GuardWithIf);
  Func rows = weight.update().rfactor({{yo, v}, {r[2], w}});
  rows.in()
      .compute_root()
      .reorder_storage(o, i, kx, ky, v, w)
      .split(o, o, thread, kSide * kTile, TailStrategy::GuardWithIf)
      .split(thread, thread, to, kTile)
      .split(i, i, column, kSide * kTile, TailStrategy::GuardWithIf)
      .split(column, column, ti, kTile)
      .fuse(o, i, tile)
      .fuse(kx, ky, tap)
      .fuse(v, w, slab)
      .reorder(to, ti, thread, column, tile, tap, slab)
      .gpu_blocks(tile, tap, slab)
      .gpu_threads(thread, column)
      .unroll(to)
      .unroll(ti);
  rows.compute_at(rows.in(), thread).bound_extent(o, kTile).bound_extent(i, kTile);
  rows.reorder(o, i, kx, ky, v, w).unroll(o).unroll(i);
  rows.update().reorder(o, i, r[0], yi, kx, ky, v, w).unroll(o).unroll(i);
  launch_stored(weight);
}

// The sum over pixels of the adjoint: by rows, then the rows one after the other.
inline void launch_bias_gradient(Halide::Func &bias) {
  using namespace Halide;
  const Var v("v"), w("w");
  const std::vector<RVar> r = bias.rvars();
  Func rows = bias.update().rfactor({{r[1], v}, {r[2], w}});
  launch_stored(rows);
  launch_stored(bias);
}

// What reads the input under a tap ("tap", a copy of it for every column of the window on a CPU) is done where it is
// read.
inline void launch_linear_gradient(Plan &plan) {
  for (const char *name : {"column", "row", "padded", "norm_scale", "norm_shift", "offset"}) {
    if (plan.stages.has(name)) launch_stored(plan.stages[name]);
  }
  launch_stored(plan.gradients["adjoint_sum_0"]);
  launch_weight_gradient(plan.gradients["adjoint_normed_weight"]);
  launch_bias_gradient(plan.gradients["adjoint_offset"]);
  for (const auto &[name, stage] : plan.gradients.all()) {
    if (name.rfind("stored_", 0) == 0) launch_stored(stage);
  }
}

}  // namespace sluice
