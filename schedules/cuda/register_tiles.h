// SPDX-License-Identifier: Apache-2.0
// How convolutions of many channels are computed on a GPU.
#pragma once
#include "schedules/cuda/schedule.h"

namespace sluice {

// The tile of a thread: so many neighbouring output channels at so many columns.
struct RegisterTile {
  int channels, columns;
};

// `sum`, computed by a thread for its tile along two of its axes, in registers.
inline void keep_tile(Halide::Func &sum, const Halide::Var &c, const Halide::Var &x, const RegisterTile &tile) {
  using namespace Halide;
  sum.bound_extent(c, tile.channels).bound_extent(x, tile.columns);
  std::vector<VarOrRVar> order{c, x};
  for (const RVar &r : sum.rvars()) order.push_back(r);
  sum.unroll(c).unroll(x).update().reorder(order).unroll(c).unroll(x);
}

// `stage` by tiles of the first two of its axes, whose sums a thread has in registers, so that a weight serves
// `columns` of them and an element of the input `channels`. A block is 8 by 8 threads; `rest`: the loops outside of it,
// one or two. Of a third channels come in turn, for a grid has three indices. Beyond the last channel and column sums
// are made and not stored: packed weights and padded inputs can be read there.
inline void tile_registers(Halide::Func &stage, Halide::Func &sum, const RegisterTile &tile,
                           const std::vector<Halide::Var> &rest) {
  using namespace Halide;
  constexpr int kSide = 8;
  const Var c = stage.args()[0], x = stage.args()[1], thread("thread"), column("column"), tc("tc"), tx("tx");
  stage.split(c, c, thread, kSide * tile.channels, TailStrategy::GuardWithIf)
      .split(thread, thread, tc, tile.channels)
      .split(x, x, column, kSide * tile.columns, TailStrategy::GuardWithIf)
      .split(column, column, tx, tile.columns);
  if (rest.size() == 1) {
    stage.reorder(tc, tx, thread, column, rest[0], x, c).gpu_blocks(rest[0], x, c);
  } else {
    stage.reorder(tc, tx, thread, column, c, rest[1], x, rest[0]).gpu_blocks(rest[1], x, rest[0]);
  }
  stage.gpu_threads(thread, column).unroll(tc).unroll(tx);
  sum.compute_at(stage, thread);
  keep_tile(sum, sum.args()[0], sum.args()[1], tile);
}

// The output of pictures or clips by such tiles.
inline void launch_register_tiles(Plan &plan, const RegisterTile &tile) {
  using namespace Halide;
  const Var rest("rest");
  Func &output = plan.stages["output"];
  const std::vector<Var> axes = output.args();  // c, x, y, then n, or of clips t and n
  const bool clips = axes.size() == 5;
  output.fuse(clips ? axes[3] : axes[2], clips ? axes[4] : axes[3], rest);
  tile_registers(output, plan.stages["sum"], tile, clips ? std::vector<Var>{axes[2], rest} : std::vector<Var>{rest});
}

}  // namespace sluice
