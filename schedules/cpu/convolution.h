// SPDX-License-Identifier: Apache-2.0
// How the convolution layers' sums are computed on a CPU.
#pragma once
#include "schedules/cpu/schedule.h"

namespace sluice {

// A tile of tile_x pixels by one panel of `panel` channels accumulates in registers ("sum", over all taps, input
// channels innermost); the pointwise rest consumes it there. One task is tile_y rows of one panel of one image.
// Strides other than 1 have kernels of their own, in which the usual one is known where it matters: the test whether a
// tap lies outside leaves the inner loop.
inline void tile_convolution(Plan &plan, int panel) {
  using namespace Halide;
  const Var c("c"), x("x"), y("y"), ci("ci"), cv("cv"), xi("xi"), yi("yi"), task("task");
  const int lanes = plan.lanes(), tile_x = plan.tuned("tile_x"), tile_y = plan.tuned("tile_y");
  Func &output = plan.stages["output"], &sum = plan.stages["sum"];
  const std::vector<Var> outer = output.args();  // c, x, y, then n, or of clips t and n
  output.split(c, c, ci, panel, TailStrategy::GuardWithIf)
      .split(ci, cv, ci, lanes, TailStrategy::GuardWithIf)
      .split(x, x, xi, tile_x, TailStrategy::GuardWithIf)
      .split(y, y, yi, tile_y, TailStrategy::GuardWithIf)
      .reorder(ci, cv, xi, x, yi, c, y)
      .vectorize(ci)
      .unroll(cv)
      .unroll(xi)
      .fuse(c, y, task);
  for (size_t d = 3; d < outer.size(); d++) output.fuse(task, outer[d], task);
  output.parallel(task);
  sum.bound_extent(x, tile_x).bound_extent(c, panel).align_bounds(c, panel).compute_at(output, x);
  sum.vectorize(c, lanes).unroll(c).unroll(x);
  for (const char *table : {"column", "row", "frame"}) {
    if (plan.stages.has(table)) plan.stages[table].compute_root();
  }
  const std::string reading = plan.variants.count("reading") != 0 ? plan.variants.at("reading") : "plain";
  if (reading == "strided" || reading == "gathered") {
    const int usual = reading == "strided" ? 2 : 1;
    output.specialize(plan.scalars.at("stride_w") == usual && plan.scalars.at("stride_h") == usual);
  }
  std::vector<VarOrRVar> order{c, x};
  for (const RVar &r : sum.rvars()) order.push_back(r);
  sum.update().reorder(order).vectorize(c, lanes).unroll(c).unroll(x);
}

}  // namespace sluice
