// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/contextual_attention.cpp. A task is a tile of queries against all keys: its fused scores
// and the sums of its attention live in two buffers of (tile + halo) x keys, so memory grows with the picture's pixels,
// not with their square. Scores are made one row of keys at a time in a sliding window; both products accumulate in
// registers.
#include "schedules/cpu/schedule.h"

using namespace Halide;

namespace {

const Var c("c"), x("x"), y("y"), n("n"), qx("qx"), qy("qy"), px("px"), py("py"), xi("xi"), yi("yi"), task("task"),
    parity("parity");

// Of the Gram matrix, kept while the window slides: at the plane's upper and lower end three rows of it begin at once.
constexpr int kGramRows = 7;

void tile_output(sluice::Plan &plan) {
  const Var xp("xp"), yp("yp");
  Func &output = plan.stages["output"];
  output.split(x, x, xi, 2 * plan.tuned("tile_x"), TailStrategy::GuardWithIf)
      .split(y, y, yi, 2 * plan.tuned("tile_y"), TailStrategy::GuardWithIf)
      .split(xi, xi, xp, 2, TailStrategy::GuardWithIf)
      .split(yi, yi, yp, 2, TailStrategy::GuardWithIf)
      .reorder(c, xp, yp, xi, yi, x, y, n)
      .unroll(xp)
      .unroll(yp)
      .vectorize(c, plan.lanes(), TailStrategy::GuardWithIf)
      .fuse(x, y, task)
      .fuse(task, n, task)
      .parallel(task);
}

// Sums (or takes the maximum) over the innermost reduction dimension in `lanes` parts, then over those: a fixed order.
void sum_in_lanes(Func &stage, const Var &consumer, int lanes) {
  const RVar outer("outer"), inner("inner");
  const Var lane("lane");
  const std::vector<RVar> r = stage.rvars();
  Func partial = stage.update().split(r[0], outer, inner, lanes, TailStrategy::GuardWithIf).rfactor(inner, lane);
  partial.compute_at(stage, consumer).vectorize(lane).update().vectorize(lane);
}

// The plane of pixels, once for the picture, a row of it innermost: vectors of keys are dense, and the queries of a
// register tile lie side by side.
void schedule_plane(sluice::Plan &plan) {
  const int lanes = plan.lanes();
  for (const std::string name : {"column", "row", "mask_feature", "mask_small", "mm", "pasted"})
    plan.stages[name].compute_root();
  Func &pixels = plan.stages["pixels"], &squares = plan.stages["squares"], &inverse = plan.stages["inverse_norm"];
  Func turned = pixels.in();
  turned.compute_root()
      .reorder_storage(x, c, y, n)
      .parallel(y)
      .split(x, x, xi, lanes, TailStrategy::RoundUp)
      .reorder(xi, c, x, y, n)
      .vectorize(xi);
  pixels.compute_at(turned, y).vectorize(c, lanes, TailStrategy::GuardWithIf);
  squares.compute_root().parallel(y).vectorize(x, lanes, TailStrategy::RoundUp);
  squares.update().parallel(y).reorder(x, squares.rvars()[0]).vectorize(x, lanes, TailStrategy::RoundUp);
  inverse.compute_root().parallel(y).vectorize(x, lanes, TailStrategy::RoundUp);
}

// One row of keys after the other, each stage a window that slides along with it.
void schedule_scores(sluice::Plan &plan) {
  const Var qo("qo"), qv("qv"), po("po");
  const int lanes = plan.lanes(), keys = plan.tuned("keys"), queries = plan.tuned("queries");
  Func &output = plan.stages["output"], &gram = plan.stages["gram"];
  Func &consumer = plan.stages[plan.stages.has("fused") ? "fused" : "logit"];
  consumer.compute_at(output, task).reorder(qx, px, py, qy, n).vectorize(qx, lanes, TailStrategy::GuardWithIf);
  std::vector<std::string> windows{"scores"};
  if (plan.stages.has("fused")) windows.push_back("fused_rows");
  for (const std::string &name : windows) {
    plan.stages[name]
        .store_at(output, task)
        .compute_at(consumer, qy)
        .reorder(qx, px, py, qy, n)
        .vectorize(qx, lanes, TailStrategy::ShiftInwards);
  }
  plan.stages["queries"]
      .compute_at(output, task)
      .reorder_storage(x, c, y, n)
      .vectorize(x, lanes, TailStrategy::RoundUp);
  Func row = gram.in();
  row.store_at(output, task).compute_at(consumer, qy).fold_storage(qy, kGramRows);
  row.split(qx, qo, qx, keys * lanes, TailStrategy::RoundUp)
      .split(qx, qv, qx, lanes)
      .split(px, po, px, queries, TailStrategy::RoundUp)
      .reorder(qx, qv, px, po, py, qo, qy, n)
      .vectorize(qx)
      .unroll(qv)
      .unroll(px);
  gram.compute_at(row, po).vectorize(qx, lanes).unroll(qx).unroll(px);
  gram.update().reorder(qx, px, gram.rvars()[0]).vectorize(qx, lanes).unroll(qx).unroll(px);
}

// A query after the other: its row of exponentials stays in the first cache, two rows of queries in the second.
void schedule_softmax(sluice::Plan &plan) {
  const int lanes = plan.lanes();
  Func &output = plan.stages["output"], &attention = plan.stages["attention"], &spread = plan.stages["spread"];
  spread.compute_at(output, task).reorder_storage(qx, px, py, qy, n).vectorize(qx, lanes, TailStrategy::GuardWithIf);
  attention.store_at(output, task).compute_at(spread, py).vectorize(qx, lanes, TailStrategy::GuardWithIf);
  plan.stages["unnormalised"].compute_at(attention, px).vectorize(qx, lanes, TailStrategy::GuardWithIf);
  for (const std::string name : {"row_max", "row_sum"}) {
    plan.stages[name].compute_at(attention, px);
    sum_in_lanes(plan.stages[name], px, lanes);
  }
}

void schedule_paste(sluice::Plan &plan) {
  const Var co("co"), cv("cv"), po("po"), row("row");
  const int lanes = plan.lanes(), pixels = plan.tuned("pixels"), vectors = plan.tuned("vectors");
  Func &output = plan.stages["output"];
  plan.stages["value"].compute_root().vectorize(c, lanes, TailStrategy::RoundUp).parallel(y);
  Func &paste = plan.stages["paste"];
  const std::vector<RVar> q = paste.rvars();
  Func partial = paste.update().rfactor(q[1], row);
  paste.compute_at(output, task).vectorize(c, lanes, TailStrategy::RoundUp);
  paste.update()
      .split(c, co, c, vectors * lanes, TailStrategy::RoundUp)
      .split(c, cv, c, lanes)
      .split(px, po, px, pixels, TailStrategy::RoundUp)
      .reorder(c, cv, px, co, po, py, parity, q[1], n)
      .vectorize(c)
      .unroll(cv)
      .unroll(px);
  partial.compute_at(paste, co).vectorize(c, lanes).unroll(c).unroll(px);
  partial.update().reorder(c, px, q[0]).vectorize(c, lanes).unroll(c).unroll(px);
}

}  // namespace

SLUICE_SCHEDULE(cpu, contextual_attention, forward) {
  tile_output(plan);
  schedule_plane(plan);
  schedule_scores(plan);
  schedule_softmax(plan);
  schedule_paste(plan);
}
SLUICE_SCHEDULE(cpu, contextual_attention, backward) { sluice::store_every_stage(plan); }

// Measured 2 threads, Zen 5, 2026-11-21, feature of 96 channels, in turn with what was here before (nine products of
// pixels a pair): 128x128 (a picture of 512x512) AVX-512 89 ms and 252, AVX2 119 ms and 336; 64x64 5.1 ms and 15.7, 7.8
// ms and 18.9. Of the time on AVX-512 a third is the Gram matrix, 40 % the paste, both at two thirds of the FMA peak;
// the rest are the sums along diagonals and the softmax. A tile's halo costs the Gram matrix (22/16)^2, its plane's
// continuation and whole vectors 1.4; larger tiles save that and lose as much to the third-level cache. 2026-11-22, in
// turn with all rows of the Gram matrix kept: 128x128 AVX-512 87 ms and 92, 256x256 a factor of 1.6 or more (the
// machine busy), 24 MB less. 2026-11-23, Zen 4, in turn with the paste of all keys, a hole of a quarter: 128x128
// AVX-512 130 ms and 157, AVX2 134 and 165.
