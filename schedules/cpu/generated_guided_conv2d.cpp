// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/generated_guided_conv2d.cpp. A register tile is tile_x pixels by three taps of a vector of
// channels, summed over the guidance; it is multiplied with the input at once. A task is tile_y rows of one image,
// whose sums are kept for a vector of channels while three taps after three pass by: their weights stay in the nearest
// cache.
#include "schedules/cpu/schedule.h"

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

}  // namespace

SLUICE_SCHEDULE(cpu, generated_guided_conv2d, forward) {
  tile_output(plan);
  if (plan.variants.at("softmax") == "taps") {
    use_after_softmax(plan);
  } else {
    use_at_once(plan);
  }
}
SLUICE_SCHEDULE(cpu, generated_guided_conv2d, backward) { sluice::store_every_stage(plan); }

// Measured beside the FMA peak in the same run, 2 threads of an AMD EPYC (Zen 5), 2026-11-22; ms, % of that peak,
// AVX-512 and AVX2. 64 channels, 176x608: 18.8, 85; 33.6, 92. 128, 88x304: 18.0, 88; 33.0, 94. 256, 44x152: 17.6,
// 89; 32.8, 95. 256, 22x76: 4.8, 82 (5 % of it are pixels beyond the edge); 9.1, 87 (9 % for 11 tasks on 2 threads).
// 3x3 generation, 64, 176x608: 150, 94; 311, 93. Softmax, 64, 88x304: 7.5, 53; 11.0, 70: exponentials, and taps pass
// through memory.
