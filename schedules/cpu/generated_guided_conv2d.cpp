// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/generated_guided_conv2d.cpp. A register tile is tile_x pixels by three taps of a vector of
// channels, summed over the guidance; it is multiplied with the input at once. A task is tile_y rows of one image,
// whose sums are kept for a vector of channels while three taps after three pass by: their weights stay in the nearest
// cache.
#include "schedules/cpu/winograd.h"

using namespace Halide;

namespace {

const Var c("c"), x("x"), y("y"), n("n"), kx("kx"), ky("ky"), ci("ci"), xi("xi"), yi("yi"), task("task");
constexpr int kTaps = 3;

void tile_output(sluice::Plan &plan) {
  Func &output = plan.stages["output"];
  output.split(c, c, ci, plan.lanes(), TailStrategy::GuardWithIf)
      .split(x, x, xi, plan.tuned("tile_x"), TailStrategy::GuardWithIf)
      .split(y, y, yi, plan.tuned("tile_y"), TailStrategy::GuardWithIf)
      .reorder(ci, xi, x, yi, c, y, n)
      .vectorize(ci)
      .unroll(xi)
      .fuse(y, n, task)
      .parallel(task);
  for (const char *table : {"column", "row"}) {
    if (plan.stages.has(table)) plan.stages[table].compute_root();
  }
}

// A stage (c, x, y, n) of one tile.
void hold_tile(sluice::Plan &plan, Func &stage) {
  const int lanes = plan.lanes();
  stage.compute_at(plan.stages["output"], x)
      .bound_extent(c, lanes)
      .align_bounds(c, lanes)
      .bound_extent(x, plan.tuned("tile_x"));
  stage.vectorize(c, lanes).unroll(x);
}

void generate_taps(sluice::Plan &plan, Func &kernels) {
  const std::vector<RVar> g = kernels.rvars();
  kernels.bound_extent(c, plan.lanes())
      .bound_extent(kx, kTaps)
      .bound_extent(ky, 1)
      .bound_extent(x, plan.tuned("tile_x"));
  kernels.reorder(c, kx, x, ky).vectorize(c, plan.lanes()).unroll(kx).unroll(x);
  Stage update = kernels.update();
  update.reorder(c, kx, x, g[0], g[1], g[2], ky).vectorize(c, plan.lanes()).unroll(kx).unroll(x);
  update.specialize(plan.stages["pointwise"].value());
}

void use_at_once(sluice::Plan &plan) {
  Func &output = plan.stages["output"], &sum = plan.stages["sum"], &kernels = plan.stages["kernels"];
  const int lanes = plan.lanes(), tile = plan.tuned("tile_x");
  sum.compute_at(output, c).bound_extent(c, lanes).align_bounds(c, lanes).vectorize(c, lanes);
  const std::vector<RVar> r = sum.rvars();
  const RVar chunk("chunk"), tap("tap");
  sum.update()
      .split(x, x, xi, tile, TailStrategy::RoundUp)
      .split(r[0], chunk, tap, kTaps, TailStrategy::GuardWithIf)
      .reorder(c, xi, tap, x, y, chunk, r[1])
      .vectorize(c, lanes)
      .unroll(xi)
      .unroll(tap)
      .never_partition(r[1]);
  kernels.compute_at(sum, x);
  generate_taps(plan, kernels);
}

// All taps of a tile, then their softmax.
void use_after_softmax(sluice::Plan &plan) {
  Func &output = plan.stages["output"], &kernels = plan.stages["kernels"];
  const int lanes = plan.lanes();
  for (const char *name : {"tap_max", "tap_sum", "sum"}) {
    Func &stage = plan.stages[name];
    hold_tile(plan, stage);
    const std::vector<RVar> r = stage.rvars();
    stage.update().reorder(c, x, r[0], r[1]).vectorize(c, lanes).unroll(x);
  }
  const Var chunk("chunk");
  Func taps = kernels.in();
  for (Func stage : {taps, plan.stages["unnormalised"]}) {
    stage.compute_at(output, x).hoist_storage(output, task).store_in(MemoryType::Heap);
    stage.bound_extent(c, lanes)
        .align_bounds(c, lanes)
        .bound_extent(x, plan.tuned("tile_x"))
        .split(kx, chunk, kx, kTaps, TailStrategy::RoundUp)
        .reorder(c, kx, x, chunk, ky)
        .vectorize(c, lanes)
        .unroll(kx)
        .unroll(x);
  }
  kernels.compute_at(taps, chunk);
  generate_taps(plan, kernels);
}

// As schedule_winograd of schedules/cpu/winograd.h, for nine vectors a panel: three of them by winograd_tile_t tiles in
// registers.
void generate_by_winograd(sluice::Plan &plan) {
  const Var j("j"), i("i"), t("t"), l("l"), to("to"), ti("ti"), lo("lo"), li("li"), lane("lane");
  const int lanes = plan.lanes(), group = kTaps * lanes, tile_t = plan.tuned("winograd_tile_t");
  Func &output = plan.stages["output"], &sum = plan.stages["sums"];
  Func &row = plan.stages["rows"], &result = plan.stages["results"];
  const std::vector<RVar> r = output.rvars();  // lane, vector, j, i, t, panel, block
  output.update().allow_race_conditions().vectorize(r[0]).parallel(r[6]).never_partition_all();
  plan.extents["input.c"] = plan.extents.at("guidance.c");  // what is transformed
  sluice::transform_tiles(plan, r[6]);
  sum.compute_at(output, r[5])
      .reorder_storage(l, t, j, i)
      .bound_extent(l, kTaps * group)
      .split(t, to, ti, tile_t)
      .split(l, lo, li, group)
      .reorder(li, ti, to, j, i, lo)
      .vectorize(li, lanes)
      .unroll(li)
      .unroll(ti);
  sluice::multiply_tiles(plan, to, tile_t, group);
  result.compute_at(output, r[4]).bound_extent(l, kTaps * group).split(l, lo, li, lanes).reorder(li, j, i, lo);
  result.vectorize(li).unroll(i).unroll(j);
  Func &window = plan.stages["window"];
  window.compute_at(output, r[4]).bound_extent(lane, lanes).vectorize(lane, lanes).unroll(window.args()[1]);
  for (const char *table : {"window_column", "window_column_bits", "window_row", "window_row_bits"})
    plan.stages[table].compute_at(output, r[6]);
  row.compute_at(result, lo).bound_extent(l, lanes).vectorize(l, lanes).unroll(i).unroll(j);
}

}  // namespace

SLUICE_SCHEDULE(cpu, generated_guided_conv2d, forward) {
  if (plan.variants.at("transform") == "winograd") return generate_by_winograd(plan);
  tile_output(plan);
  if (plan.variants.at("softmax") == "taps") {
    use_after_softmax(plan);
  } else {
    use_at_once(plan);
  }
}
SLUICE_SCHEDULE(cpu, generated_guided_conv2d, backward) { sluice::store_every_stage(plan); }

// Measured beside the FMA peak in the same run, 2 threads of an AMD EPYC (Zen 5), 2026-11-22; ms, % of that peak in the
// direct sum's multiplications, AVX-512 and AVX2. 64 channels, 176x608: 18.8, 85; 33.6, 92. 128, 88x304: 18.0, 88;
// 33.0, 94. 256, 44x152: 17.6, 89; 32.8, 95. 256, 22x76: 4.8, 82 (5 % of it are pixels beyond the edge); 9.1, 87 (9 %
// for 11 tasks on 2 threads). 3x3 generation, 64, 176x608: direct 150, 94; 311, 93; Winograd, kernel alone, 46.6, 290;
// 87, 310: a tenth of its instructions are the output transform, and the sums of a block, 0.5 MB, pass through the
// second-level cache. Softmax, 64, 88x304: 7.5, 53; 11.0, 70: exponentials, and taps pass through memory.
