// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/depthwise_conv2d.cpp: a tile of pixels of one vector of channels accumulates
// in registers.
#include "schedules/cpu/schedule.h"

using namespace Halide;

SLUICE_SCHEDULE(cpu, depthwise_conv2d, forward) {
  const Var c("c"), x("x"), y("y"), n("n"), ci("ci"), xi("xi"), yi("yi"), yo("yo"), task("task");
  const std::string reading = plan.variants.at("reading");
  const bool is_known = reading.starts_with("three");
  const std::string tile = is_known ? reading + "_tile_" : "tile_";
  const int lanes = plan.lanes(), tile_x = plan.tuned(tile + "x"), tile_y = plan.tuned(tile + "y");
  Func &output = plan.stages["output"], &sum = plan.stages["sum"];
  output.split(x, x, xi, tile_x, TailStrategy::GuardWithIf)
      .split(y, yo, y, plan.tuned("rows"), TailStrategy::GuardWithIf)
      .split(y, y, yi, tile_y, TailStrategy::GuardWithIf)
      .fuse(yo, n, task)
      .parallel(task);
  // The last vector of channels overlaps the one before. Where there is not even one, the loads are gathers.
  const auto by_vectors = [&](Stage stage, TailStrategy tail) {
    stage.split(c, c, ci, lanes, tail).reorder(ci, xi, yi, c, x, y, task).vectorize(ci).unroll(xi).unroll(yi);
  };
  Stage wide = output.specialize(plan.stages["wide"].value());
  by_vectors(wide, TailStrategy::ShiftInwards);
  by_vectors(output, TailStrategy::GuardWithIf);
  if (!is_known) {
    // Where the stride is known, so is which pixels read past the edge.
    const Expr dense = plan.scalars.at("multiplier") == 1;
    wide.specialize(dense && plan.scalars.at("stride_w") == 1 && plan.scalars.at("stride_h") == 1);
    wide.specialize(dense).never_partition_all();
    wide.never_partition_all();
  }
  Stage(output).never_partition_all();
  sum.bound_extent(x, tile_x).bound_extent(y, tile_y).bound_extent(c, lanes);
  sum.compute_at(output, c).vectorize(c, lanes).unroll(x).unroll(y);
  for (const char *table : {"column", "row", "channel"}) {
    if (plan.stages.has(table)) plan.stages[table].compute_root();
  }
  const std::vector<RVar> r = sum.rvars();
  Stage update = sum.update();
  if (is_known) {
    // Row by row: of the inputs only three rows of the tile are alive at a time.
    update.reorder(c, x, r[0], r[1], y).unroll(r[0]).unroll(r[1]);
  } else {
    update.reorder(c, x, y, r[0], r[1]);
  }
  update.vectorize(c, lanes).unroll(x).unroll(y);
}

SLUICE_SCHEDULE(cpu, depthwise_conv2d, backward) { sluice::store_every_stage(plan); }
