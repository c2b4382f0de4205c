// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/conv2d.cpp: two vectors of output channels for a tile of pixels, or of transformed tiles;
// of a few output channels three together.
#include "generators/narrow_sums.h"
#include "schedules/cpu/convolution.h"
#include "schedules/cpu/linear_gradient.h"
#include "schedules/cpu/weight_gradient.h"
#include "schedules/cpu/winograd.h"

using namespace Halide;

namespace {

// The sums of generators/narrow_sums.h. A task is narrow_y rows of a slab of columns; its rows are staged as they are
// reached; a tile of narrow_vectors by narrow_rows by kTogether output channels accumulates in registers, and a vector
// of the input is read once for all of these.
void schedule_narrow(sluice::Plan &plan) {
  const Var c("c"), x("x"), y("y"), n("n"), u("u"), o("o"), ui("ui"), ci("ci"), xi("xi"), xt("xt"), yi("yi"), yt("yt"),
      task("task");
  const int lanes = plan.lanes(), rows = plan.tuned("narrow_rows"), group = sluice::narrow::kGroup,
            together = sluice::narrow::kTogether;
  const int elements = plan.tuned("narrow_vectors") * lanes, pixels = elements / group;
  Func &output = plan.stages["output"], &partial = plan.stages["partial"], &staged = plan.stages["staged"];
  output.split(x, x, xi, plan.tuned("narrow_x"), TailStrategy::GuardWithIf)
      .split(xi, xi, xt, pixels, TailStrategy::GuardWithIf)
      .split(y, y, yi, plan.tuned("narrow_y"), TailStrategy::GuardWithIf)
      .split(yi, yi, yt, rows, TailStrategy::GuardWithIf)
      .split(c, c, ci, together, TailStrategy::GuardWithIf)
      .reorder(xt, ci, yt, c, xi, yi, x, y, n)
      .vectorize(xt)
      .fuse(x, y, task)
      .fuse(task, n, task)
      .parallel(task);
  output.specialize(plan.stages["full_groups"].value());
  partial.compute_at(output, c).bound_extent(u, elements).bound_extent(y, rows).bound_extent(o, together);
  partial.reorder(u, y, o, n).vectorize(u, lanes).unroll(u).unroll(y).unroll(o);
  const std::vector<RVar> r = partial.rvars();
  partial.update()
      .split(u, u, ui, lanes)
      .reorder(ui, o, u, y, r[0], r[1], r[2], n)
      .vectorize(ui)
      .unroll(u)
      .unroll(y)
      .unroll(o);
  staged.store_at(output, task)
      .compute_at(output, yi)
      .split(u, u, ui, group, TailStrategy::RoundUp)
      .vectorize(ui)
      .partition(y, Partition::Never)
      .partition(u, Partition::Always);
}

}  // namespace

SLUICE_SCHEDULE(cpu, conv2d, forward) {
  if (plan.variants.at("transform").starts_with("winograd")) return sluice::schedule_winograd(plan);
  if (plan.variants.at("transform") == "narrow") return schedule_narrow(plan);
  sluice::tile_convolution(plan, 2 * plan.lanes());
}
SLUICE_SCHEDULE(cpu, conv2d, backward) {
  plan.variants.at("part") == "linear" ? sluice::schedule_linear_gradient(plan) : sluice::store_every_stage(plan);
}
SLUICE_SCHEDULE(cpu, conv2d, weight_gradient) {
  const Var o("o"), y("y"), n("n");
  const int lanes = plan.lanes();
  sluice::schedule_weight_gradient_by_tiles(plan);
  Func &rows = plan.stages["bias_rows"], &bias = plan.stages["bias"];
  const std::vector<RVar> r = bias.rvars();
  rows.compute_root().vectorize(o, lanes, TailStrategy::GuardWithIf).parallel(n);
  rows.update().reorder(o, rows.rvars()[0], y, n).vectorize(o, lanes, TailStrategy::GuardWithIf).parallel(y);
  bias.compute_root().vectorize(o, lanes, TailStrategy::GuardWithIf);
  bias.update().reorder(o, r[0], r[1]).vectorize(o, lanes, TailStrategy::GuardWithIf);
}

// Measured beside the FMA peak in the same run, kernel alone, 2 threads of an AMD EPYC (Zen 5), 2026-11-22; ms, % of
// that peak, AVX-512 and AVX2. narrow, 12 to 3, 512x512: 0.81, 39; 1.29, 49 (one output channel after the other: 1.38,
// 1.62); it reads and writes 15.7 MB. Direct sums, 96 to 96: 1x1 at 256x256 3.0, 76; 6.0, 75, for it waits for memory
// (128x128 AVX-512 92 %); 3x3 at 64x64 1.5, 86; 3.0, 85.
