// SPDX-License-Identifier: Apache-2.0
// How convolutions of many channels are computed on a GPU.
#pragma once
#include "schedules/cuda/schedule.h"

namespace sluice {

// A thread has the sums of `channels` neighbouring output channels at so many columns in registers, so that a weight
// serves `columns` of them and an element of the input `channels`. A block is 8 by 8 threads in one row of pixels.
// Beyond the last channel and column sums are made and not stored: packed weights and padded inputs can be read there.
inline void launch_register_tiles(Plan &plan, int channels, int columns) {
  using namespace Halide;
  constexpr int kSide = 8;
  const Var thread("thread"), column("column"), tc("tc"), tx("tx"), rows("rows");
  Func &output = plan.stages["output"], &sum = plan.stages["sum"];
  const std::vector<Var> axes = output.args();
  const Var c = axes[0], x = axes[1];
  output.split(c, c, thread, kSide * channels, TailStrategy::GuardWithIf)
      .split(thread, thread, tc, channels)
      .split(x, x, column, kSide * columns, TailStrategy::GuardWithIf)
      .split(column, column, tx, columns)
      .fuse(axes[2], axes[3], rows)
      .reorder(tc, tx, thread, column, rows, x, c)
      .gpu_blocks(rows, x, c)
      .gpu_threads(thread, column)
      .unroll(tc)
      .unroll(tx);
  const std::vector<Var> s = sum.args();  // c, x, y, n
  const std::vector<RVar> r = sum.rvars();
  sum.compute_at(output, thread).bound_extent(s[0], channels).bound_extent(s[1], columns);
  sum.reorder(s[0], s[1], s[2], s[3]).unroll(s[0]).unroll(s[1]);
  sum.update().reorder(s[0], s[1], r[0], r[1], r[2], s[2], s[3]).unroll(s[0]).unroll(s[1]);
}

}  // namespace sluice
