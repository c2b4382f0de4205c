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

// The sums of generators/narrow_sums.h. A task is tile_y rows of a slab of columns; its rows are staged as they are
// reached; a tile of narrow_vectors by narrow_rows accumulates in registers, one output channel after the other.
inline void schedule_narrow(Plan &plan) {
  using namespace Halide;
  const Var c("c"), x("x"), y("y"), n("n"), u("u"), o("o"), ui("ui"), xi("xi"), xv("xv"), xt("xt"), yi("yi"), yt("yt"),
      task("task");
  const int lanes = plan.lanes(), rows = plan.tuned("narrow_rows"), group = 4;
  const int elements = plan.tuned("narrow_vectors") * lanes, pixels = elements / group;
  Func &output = plan.stages["output"], &partial = plan.stages["partial"], &staged = plan.stages["staged"];
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
  output.specialize(plan.stages["full_groups"].value());
  partial.compute_at(output, c).bound_extent(u, elements).bound_extent(y, rows).reorder(u, y, o, n);
  partial.vectorize(u, lanes).unroll(u).unroll(y);
  const std::vector<RVar> r = partial.rvars();
  partial.update().reorder(u, y, r[0], r[1], r[2], o, n).vectorize(u, lanes).unroll(u).unroll(y);
  staged.store_at(output, task)
      .compute_at(output, yi)
      .split(u, u, ui, group, TailStrategy::RoundUp)
      .vectorize(ui)
      .partition(y, Partition::Never)
      .partition(u, Partition::Always);
}

}  // namespace sluice
