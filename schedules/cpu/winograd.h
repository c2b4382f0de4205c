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
                            "frame", "frame_bits", "first_result"}) {
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
  if (!few) {
    // The memory of the next tile's samples is waited for while this one's are transformed.
    Func &coming = plan.stages["coming"];
    coming.compute_at(tile, t).update().unroll(coming.rvars()[1]).unroll(coming.rvars()[2]);
    return;
  }
  Func &samples = plan.stages["samples"];
  samples.compute_at(tile, t).bound_storage(c, 2 * lanes).vectorize(c, lanes / 2, TailStrategy::ShiftInwards);
}

// The products of a point, accumulated in registers where the sums ask for them: tile_t tiles, beginning at loop
// `tiles` of the sums, by `panel_lanes` elements. The memory of the results is waited for meanwhile.
inline void multiply_tiles(Plan &plan, const Halide::Var &tiles, int tile_t, int panel_lanes) {
  using namespace Halide;
  const Var j("j"), t("t"), l("l");
  Func &sum = plan.stages["sums"], &product = plan.stages["products"], &claimed = plan.stages["claimed"];
  claimed.compute_at(sum, j).update().unroll(claimed.rvars()[0]);
  product.compute_at(sum, tiles).bound_extent(t, tile_t).bound_extent(l, panel_lanes);
  product.vectorize(l, plan.lanes()).unroll(l).unroll(t);
  std::vector<VarOrRVar> order{l, t};
  for (const RVar &each : product.rvars()) order.push_back(each);
  product.update().reorder(order).vectorize(l, plan.lanes()).unroll(l).unroll(t);
}

// One task is a block of tiles, of a deep layer a panel of output channels of it: their transformed input, then, for a
// panel at a time, small matrix products, one a point (tile_t tiles by two vectors in registers), the output transform
// and the layer's pointwise rest.
inline void schedule_winograd(Plan &plan) {
  using namespace Halide;
  const Var j("j"), i("i"), t("t"), l("l"), to("to"), ti("ti");
  const bool halved = winograd::is_halved(plan.variants.at("transform"), plan.lanes());
  const int lanes = plan.lanes(), panel_lanes = (halved ? 1 : 2) * lanes;
  const int tile_t = plan.tuned(halved ? "halved_tile_t" : "tile_t");
  Func &output = plan.stages["output"], &sum = plan.stages["sums"];
  const std::vector<RVar> r = output.rvars();  // lane, vector, j, i, t, panel, block
  const RVar lane = r[0], vector = r[1], inner_t = r[4], panel = r[5], block = r[6];
  // One version of the code for all blocks: two could round differently, and what block a tile is in depends on the
  // batch.
  output.update().allow_race_conditions().vectorize(lane).unroll(vector).parallel(block).never_partition_all();
  if (winograd::transform(plan.variants.at("transform")).deep) {
    output.update().parallel(panel);
    sum.bound_storage(t, winograd::kDeepTiles);
  }
  transform_tiles(plan, block);
  sum.compute_at(output, panel)
      .reorder_storage(l, t, j, i)
      .bound_extent(l, panel_lanes)
      .split(t, to, ti, tile_t)
      .reorder(l, ti, to, j, i)
      .vectorize(l, lanes)
      .unroll(l)
      .unroll(ti);
  multiply_tiles(plan, to, tile_t, panel_lanes);
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

// Measured beside the FMA peak in the same run, 2 threads, Zen 5, 2026-11-22; % of that peak in the direct sum's
// multiplications, AVX-512 and AVX2. gated_conv2d 96 to 96, 128x128: 274 (3.9 ms), 306; 192 to 96: 290, 317; 48 to 48,
// 256x256: 243 (4.4 ms), 270; 24 to 24, 512x512: 142, 210; 24 to 12: 98, 147; enlarged by 2, 96 to 48 at 256x256: 283,
// 311, 48 to 24 at 512x512: 197, 261. Stride 2, 48 to 96, 256x256: 117, 128; 24 to 48, 512x512: 95, 110. 5x5, 5 to 24,
// 512x512: 75, 117. gated_conv3d 48 to 48, 8x128x128: 246, 285. conv2d 64 to 64, 256x256: 225 (4.3 ms), 277; 32 to 32,
// 352x1216: 158, 226. What keeps layers of few channels low: the pointwise rest (22 % of 24 to 12) and the input
// transform. Asking for memory beforehand (stages coming and claimed) is worth 3 to 22 %, most for 48 and 64 channels
// with AVX-512. Tried beside it: two and four tiles ahead (the same), the next block's samples during this one's
// products (up to 10 % slower). Transposed, stride 2, 64 to 32 at 176x608: 91 (8.5 ms), 115; 256 to 128 at 44x152: 120,
// 130. winograd_deep, conv2d 512 to 512, eight pictures: 4x4 1.2 ms (winograd 2.7), AVX2 1.7 (4.0); 8x8 2.0 to 2.5
// (2.75), AVX2 4.4 (4.7). Blocks of 32 tiles with AVX-512, in turn with 24 on Zen 4, gated_conv2d: 64x64 0.89 to 0.99
// of the time, 128x128 and 48 at 256x256 1.00, enlarged by 2 1.04; of stride 2, 5x5 and 24 channels 1.03 to 1.09, which
// keep 24. With AVX2 16 instead of 18, four tiles in registers, 0.98 to 1.12. Panels of output channels as tasks of
// their own where blocks are few: 1.0 to 1.8, by the layer, for what a closure costs.
