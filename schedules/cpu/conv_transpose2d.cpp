// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/conv_transpose2d.cpp: two vectors of output channels for a tile of pixels, with stride 2
// of one parity, or of transformed tiles.
#include "schedules/cpu/convolution.h"
#include "schedules/cpu/winograd.h"

using namespace Halide;

namespace {

// A tile of the output is tile_x by 1 pixels of each of the four parities, which accumulate in registers one parity
// after the other and are woven from a buffer. A task is tile_y pairs of rows of one panel of one image.
void tile_parities(sluice::Plan &plan) {
  const Var c("c"), x("x"), y("y"), n("n"), xi("xi"), yi("yi"), yo("yo"), ci("ci"), cv("cv"), task("task");
  const Var u("u"), v("v"), p("p"), q("q");
  const int lanes = plan.lanes(), panel = 2 * lanes, tile_x = plan.tuned("tile_x"), tile_y = plan.tuned("tile_y");
  Func &output = plan.stages["output"], &phase = plan.stages["phase"], &sum = plan.stages["sum"];
  output.split(c, c, ci, panel, TailStrategy::GuardWithIf)
      .split(ci, cv, ci, lanes, TailStrategy::GuardWithIf)
      .split(x, x, xi, 2 * tile_x, TailStrategy::GuardWithIf)
      .split(y, yo, y, 2 * tile_y, TailStrategy::GuardWithIf)
      .split(y, y, yi, 2, TailStrategy::GuardWithIf)
      .reorder(ci, cv, xi, yi, x, y, c, yo, n)
      .vectorize(ci)
      .unroll(cv)
      .fuse(c, yo, task)
      .fuse(task, n, task)
      .parallel(task);
  for (Func *stage : {&phase, &sum}) stage->bound_extent(u, tile_x).bound_extent(c, panel).align_bounds(c, panel);
  phase.bound_extent(v, 1).compute_at(output, x).vectorize(c, lanes).unroll(c).unroll(u);
  sum.compute_at(phase, p).vectorize(c, lanes).unroll(c).unroll(u);
  const std::vector<RVar> r = sum.rvars();
  sum.update().reorder(c, u, r[0], r[1], r[2]).vectorize(c, lanes).unroll(c).unroll(u);
}

// Which taps a pixel has is known only at run time: pixel by pixel.
void single_pixels(sluice::Plan &plan) {
  const Var c("c"), x("x"), y("y"), n("n"), ci("ci"), cv("cv"), task("task");
  const int lanes = plan.lanes(), panel = 2 * lanes;
  Func &output = plan.stages["output"], &sum = plan.stages["sum"];
  output.split(c, c, ci, panel, TailStrategy::GuardWithIf)
      .split(ci, cv, ci, lanes, TailStrategy::GuardWithIf)
      .reorder(ci, cv, x, c, y, n)
      .vectorize(ci)
      .unroll(cv)
      .fuse(c, y, task)
      .fuse(task, n, task)
      .parallel(task);
  sum.bound_extent(c, panel).align_bounds(c, panel).compute_at(output, x);
  sum.vectorize(c, lanes).unroll(c);
  const std::vector<RVar> r = sum.rvars();
  sum.update().reorder(c, x, r[0], r[1], r[2]).vectorize(c, lanes).unroll(c);
}

}  // namespace

SLUICE_SCHEDULE(cpu, conv_transpose2d, forward) {
  const std::string phases = plan.variants.at("phases");
  if (plan.variants.at("transform").starts_with("winograd")) return sluice::schedule_winograd(plan);
  if (phases == "one") return sluice::tile_convolution(plan, 2 * plan.lanes());
  phases == "two" ? tile_parities(plan) : single_pixels(plan);
}
SLUICE_SCHEDULE(cpu, conv_transpose2d, backward) { sluice::store_every_stage(plan); }
