// SPDX-License-Identifier: Apache-2.0
// How the convolution layers' sums are computed on a CPU.
#pragma once
#include "schedules/cpu/schedule.h"

namespace sluice {

// A tile of tile_x pixels by one panel of `panel` channels accumulates in registers ("sum", over all taps, input
// channels innermost); the pointwise rest consumes it there. One task is tile_y rows of one panel of one image.
inline void tile_convolution(Plan &plan, int panel) {
  using namespace Halide;
  const Var c("c"), x("x"), y("y"), n("n"), ci("ci"), cv("cv"), xi("xi"), yi("yi"), task("task");
  const int lanes = plan.lanes(), tile_x = plan.tuned("tile_x"), tile_y = plan.tuned("tile_y");
  Func &output = plan.stages["output"], &sum = plan.stages["sum"];
  output.split(c, c, ci, panel, TailStrategy::GuardWithIf)
      .split(ci, cv, ci, lanes, TailStrategy::GuardWithIf)
      .split(x, x, xi, tile_x, TailStrategy::GuardWithIf)
      .split(y, y, yi, tile_y, TailStrategy::GuardWithIf)
      .reorder(ci, cv, xi, x, yi, c, y, n)
      .vectorize(ci)
      .unroll(cv)
      .unroll(xi)
      .fuse(c, y, task)
      .fuse(task, n, task)
      .parallel(task);
  sum.bound_extent(x, tile_x).bound_extent(c, panel).align_bounds(c, panel).compute_at(output, x);
  sum.vectorize(c, lanes).unroll(c).unroll(x);
  std::vector<VarOrRVar> order{c, x};
  for (const RVar &r : sum.rvars()) order.push_back(r);
  sum.update().reorder(order).vectorize(c, lanes).unroll(c).unroll(x);
}

}  // namespace sluice
