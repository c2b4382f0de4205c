// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/contextual_attention.cpp. The host walks over tiles of queries; what a tile's queries and
// all keys have in common is stored for the tile, so memory grows with the picture's pixels, not with their square.
// Both products keep 4 by 4 sums in registers; maxima and sums over keys are a thread's for every column of keys first,
// then for every query, in the order of the keys.
#include "schedules/cuda/register_tiles.h"

using namespace Halide;

namespace {

constexpr int kQueries = 16;  // of a tile, along each axis
constexpr int kKeyRows = 8;   // whose pastes one thread adds up
constexpr int kSide = 8, kSums = 4;
constexpr int kKeys = 32, kColumns = 2;  // of a block of pairs

const Var c("c"), x("x"), y("y"), n("n"), xi("xi"), yi("yi"), qx("qx"), qy("qy"), px("px"), py("py"), parity("parity"),
    thread("thread"), column("column"), first("first"), second("second");

// Loops over tiles on the host; within, a thread has the four pixels of a query, one of each parity.
void tile_output(sluice::Plan &plan) {
  const Var xo("xo"), xp("xp"), yp("yp");
  Func &output = plan.stages["output"], &paste = plan.stages["paste"];
  output.split(x, x, xi, 2 * kQueries, TailStrategy::GuardWithIf)
      .split(y, y, yi, 2 * kQueries, TailStrategy::GuardWithIf)
      .split(xi, xi, xp, 2, TailStrategy::GuardWithIf)
      .split(yi, yi, yp, 2, TailStrategy::GuardWithIf)
      .split(xi, xo, xi, kSide, TailStrategy::GuardWithIf)
      .split(c, c, thread, kSide, TailStrategy::GuardWithIf)
      .reorder(xp, yp, thread, xi, yi, xo, c, x, y, n)
      .unroll(xp)
      .unroll(yp)
      .gpu_blocks(yi, xo, c)
      .gpu_threads(thread, xi)
      .never_partition_all();
  paste.compute_at(output, thread).bound_extent(px, 1).bound_extent(py, 1).bound_extent(parity, 4).unroll(parity);
}

// A stage of pairs of a key and a query: a thread a pair, neighbours are neighbouring keys of a row.
void launch_pairs(Func &stage) {
  stage.tile(qx, px, thread, column, kKeys, kColumns, TailStrategy::GuardWithIf)
      .fuse(qx, qy, qy)
      .fuse(py, n, py)
      .reorder(thread, column, qy, px, py)
      .gpu_blocks(qy, px, py)
      .gpu_threads(thread, column);
}

// Over all keys of a query: its columns of keys first. Loops that a thread's sums depend on are not fused: of an index
// that two share Halide would not see that a thread needs one element. The picture is the host's loop.
void launch_over_keys(sluice::Plan &plan, const std::string &name) {
  const Var key("key");
  Func &total = plan.stages[name], &output = plan.stages["output"];
  Func partial = total.update().rfactor(total.rvars()[0], key);  // px, py, n, key
  Func columns = partial.in(), stored = total.in();
  columns.compute_at(output, x).reorder_storage(key, px, py, n);
  columns.tile(key, px, thread, column, kKeys, kColumns, TailStrategy::GuardWithIf)
      .reorder(thread, column, key, px, py, n)
      .gpu_blocks(key, px, py)
      .gpu_threads(thread, column)
      .never_partition_all();
  partial.compute_at(columns, thread);
  stored.compute_at(output, x);
  stored.tile(px, py, thread, column, kSide, kSide, TailStrategy::GuardWithIf)
      .reorder(thread, column, px, py, n)
      .gpu_blocks(px, py)
      .gpu_threads(thread, column)
      .never_partition_all();
  total.compute_at(stored, thread);
}

// Products of pixels: 4 keys by 4 queries a thread, 32 by 32 a block.
void launch_gram(sluice::Plan &plan) {
  Func &gram = plan.stages["gram"];
  Func stored = gram.in();
  stored.compute_at(plan.stages["output"], x)
      .split(qx, qx, thread, kSide * kSums, TailStrategy::RoundUp)
      .split(thread, thread, first, kSums)
      .split(px, px, column, kSide * kSums, TailStrategy::RoundUp)
      .split(column, column, second, kSums)
      .reorder(first, second, thread, column, px, qx, qy, py, n)
      .gpu_blocks(qx, qy, py)
      .gpu_threads(thread, column)
      .unroll(first)
      .unroll(second);
  gram.compute_at(stored, thread);
  sluice::keep_tile(gram, qx, px, {kSums, kSums});
}

// 4 channels by 4 queries a thread, a row of a tile's queries and 128 channels a block, of kKeyRows rows of keys; the
// output adds those up.
void launch_paste(sluice::Plan &plan) {
  constexpr int kChannels = 32 * kSums;
  const RVar rows("rows"), row("row");
  const Var chunk("chunk");
  Func &paste = plan.stages["paste"];
  paste.update().split(paste.rvars()[1], rows, row, kKeyRows, TailStrategy::GuardWithIf);
  Func partial = paste.update().rfactor(rows, chunk);  // c, px, py, parity, n, chunk
  paste.update().reorder(parity, rows).unroll(parity);
  Func stored = partial.in();
  stored.compute_at(plan.stages["output"], x)
      .split(c, c, thread, kChannels, TailStrategy::GuardWithIf)
      .split(thread, thread, first, kSums)
      .split(px, px, column, kQueries, TailStrategy::RoundUp)
      .split(column, column, second, kSums)
      .reorder(first, second, thread, column, c, px, py, parity, chunk, n)
      .gpu_blocks(py, parity, chunk)
      .gpu_threads(thread, column)
      .unroll(first)
      .unroll(second);
  partial.compute_at(stored, thread);
  sluice::keep_tile(partial, c, px, {kSums, kSums});
}

}  // namespace

SLUICE_SCHEDULE(cuda, contextual_attention, forward) {
  tile_output(plan);
  for (const std::string name : {"column", "row", "mask_feature", "mask_small", "mm", "inverse_norm"})
    sluice::launch_stored(plan.stages[name]);
  Func turned = plan.stages["pixels"].in();
  turned.reorder_storage(x, c, y, n);
  sluice::launch_stored(turned);
  sluice::launch_sum(plan.stages["squares"]);
  launch_gram(plan);
  for (const std::string name : {"scores", "fused_rows", "logit", "attention", "spread"}) {
    if (!plan.stages.has(name)) continue;
    plan.stages[name].compute_at(plan.stages["output"], x);
    launch_pairs(plan.stages[name]);
  }
  for (const std::string name : {"row_max", "row_sum"}) launch_over_keys(plan, name);
  launch_paste(plan);
}
SLUICE_SCHEDULE(cuda, contextual_attention, backward) { sluice::launch_every_gradient(plan); }
