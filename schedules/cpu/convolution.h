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

// For layers of a few output channels: one of them for vectors of pixels. A task is tile_y rows of a slab of columns;
// its rows of the input are turned, channels outermost, as they are reached, and the border is laid around them there.
inline void vectorize_pixels(Plan &plan) {
  using namespace Halide;
  const Var c("c"), x("x"), y("y"), n("n"), i("i"), xi("xi"), xv("xv"), xt("xt"), yi("yi"), yt("yt"), task("task");
  const int lanes = plan.lanes(), rows = 2, pixels = plan.tuned("narrow_vectors") * lanes;
  Func &output = plan.stages["output"], &sum = plan.stages["sum"], &padded = plan.stages["padded"];
  output.split(x, x, xi, plan.tuned("narrow_x"), TailStrategy::GuardWithIf)
      .split(xi, xi, xt, pixels, TailStrategy::GuardWithIf)
      .split(xt, xv, xt, lanes, TailStrategy::GuardWithIf)
      .split(y, y, yi, plan.tuned("tile_y"), TailStrategy::GuardWithIf)
      .split(yi, yi, yt, rows, TailStrategy::GuardWithIf)
      .reorder(xt, xv, yt, c, xi, yi, x, y, n)
      .vectorize(xt)
      .fuse(x, y, task)
      .fuse(task, n, task)
      .parallel(task);
  sum.compute_at(output, c).reorder_storage(x, y, c, n).bound_extent(x, pixels).bound_extent(y, rows);
  sum.vectorize(x, lanes).unroll(x).unroll(y);
  const std::vector<RVar> r = sum.rvars();
  sum.update().reorder(x, y, r[0], r[1], r[2], c, n).vectorize(x, lanes).unroll(x).unroll(y);
  padded.store_at(output, task)
      .compute_at(output, yi)
      .reorder_storage(x, i, y, n)
      .split(x, xv, xt, lanes, TailStrategy::RoundUp)
      .reorder(xt, i, xv, y, n)
      .vectorize(xt);
}

}  // namespace sluice
