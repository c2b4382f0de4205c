// SPDX-License-Identifier: Apache-2.0
// How the stages of generators/winograd.h are computed on a CPU.
#pragma once
#include "generators/winograd.h"
#include "schedules/cpu/schedule.h"

namespace sluice {

constexpr int kFewLanes = 8;  // of the vectors of a few input channels

// The input of a block of tiles, transformed once for all panels: it stays in the second-level cache.
inline void transform_tiles(Plan &plan, const Halide::RVar &block) {
  using namespace Halide;
  const Var c("c"), j("j"), i("i"), k("k"), s("s"), t("t"), co("co"), ci("ci");
  Func &output = plan.stages["output"], &tile = plan.stages["transformed"], &column = plan.stages["columns"];
  for (const char *table : {"tile_x", "tile_y", "tile_n", "tile_frame", "column", "column_bits", "row", "row_bits",
                            "frame", "frame_bits"}) {
    if (plan.stages.has(table)) plan.stages[table].compute_at(output, block);
  }
  const bool few = winograd::transform(plan.variants.at("transform")).few;
  const int lanes = few ? kFewLanes : plan.lanes();
  if (!few) tile.bound_extent(c, plan.extents.at("input.c"));
  tile.compute_at(output, block)
      .split(c, co, ci, lanes, few ? TailStrategy::RoundUp : TailStrategy::ShiftInwards)
      .reorder(ci, j, i, co)
      .vectorize(ci)
      .unroll(j)
      .unroll(i);
  if (plan.stages.has("frame")) {
    tile.reorder_storage(c, j, t, k, i).reorder(co, k, t);
  } else {
    tile.reorder_storage(c, j, t, i).reorder(co, t);
  }
  column.compute_at(tile, co).vectorize(c, lanes).reorder(c, i, s).unroll(i).unroll(s);
  if (!few) return;
  Func &samples = plan.stages["samples"];
  samples.compute_at(tile, t).bound_storage(c, 2 * lanes).vectorize(c, lanes / 2, TailStrategy::ShiftInwards);
}

// One task is a block of tiles: their transformed input, then, for a panel of output channels at a time, small matrix
// products, one a point (tile_t tiles by two vectors in registers), the output transform and the layer's pointwise
// rest.
inline void schedule_winograd(Plan &plan) {
  using namespace Halide;
  const Var j("j"), i("i"), t("t"), l("l"), to("to"), ti("ti");
  const bool halved = winograd::is_halved(plan.variants.at("transform"), plan.lanes());
  const int lanes = plan.lanes(), panel_lanes = (halved ? 1 : 2) * lanes;
  const int tile_t = plan.tuned(halved ? "halved_tile_t" : "tile_t");
  Func &output = plan.stages["output"], &sum = plan.stages["sums"], &product = plan.stages["products"];
  const std::vector<RVar> r = output.rvars();  // lane, vector, j, i, t, panel, block
  const RVar lane = r[0], vector = r[1], inner_t = r[4], panel = r[5], block = r[6];
  // One version of the code for all blocks: two could round differently, and what block a tile is in depends on the
  // batch.
  output.update().allow_race_conditions().vectorize(lane).unroll(vector).parallel(block).never_partition_all();
  transform_tiles(plan, block);
  sum.compute_at(output, panel)
      .reorder_storage(l, t, j, i)
      .bound_extent(l, panel_lanes)
      .split(t, to, ti, tile_t)
      .reorder(l, ti, to, j, i)
      .vectorize(l, lanes)
      .unroll(l)
      .unroll(ti);
  product.compute_at(sum, to).bound_extent(t, tile_t).bound_extent(l, panel_lanes);
  product.vectorize(l, lanes).unroll(l).unroll(t);
  std::vector<VarOrRVar> order{l, t};
  for (const RVar &each : product.rvars()) order.push_back(each);
  product.update().reorder(order).vectorize(l, lanes).unroll(l).unroll(t);
  for (const char *stage : {"rows", "results"}) {
    plan.stages[stage]
        .compute_at(output, inner_t)
        .bound_extent(l, panel_lanes)
        .vectorize(l, lanes)
        .unroll(l)
        .unroll(i)
        .unroll(j);
  }
}

}  // namespace sluice

// Measured beside the FMA peak in the same run, 2 threads, Zen 5, other jobs at the lowest priority, 2026-11-21; % of
// that peak in the direct sum's multiplications, AVX-512 and AVX2. gated_conv2d 96 to 96, 128x128: 256, 302 (dilation
// 8: 251, 308); 192 to 96: 270, 317; 48 to 48, 256x256: 227, 269; 24 to 24, 512x512: 129, 205; 24 to 12: 91, 139;
// enlarged by 2, 96 to 48 at 256x256: 266, 309, 48 to 24 at 512x512: 198, 257. Stride 2, 48 to 96, 256x256: 109, 123;
// 24 to 48, 512x512: 85, 108. 5x5, 5 to 24, 512x512: 73, 118. gated_conv3d 48 to 48, 8x128x128: 233, 279. What keeps
// layers of few channels low: the pointwise rest (22 % of 24 to 12) and the input transform, which waits for memory (17
// to 30 %).
