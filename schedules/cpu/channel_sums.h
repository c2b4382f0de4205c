// SPDX-License-Identifier: Apache-2.0
// How layers that normalise each pixel over its channels are computed on a CPU.
#pragma once
#include "schedules/cpu/schedule.h"

namespace sluice {

constexpr int kRowsOfTask = 2;

// A sum (or maximum) over the channels of every pixel of a row, for a row of `consumer`: in `lanes` parts, then over
// those for vectors of pixels. The order depends on the number of channels alone.
inline void reduce_channels(Plan &plan, Halide::Func &sum, Halide::Func &consumer, const Halide::Var &row) {
  using namespace Halide;
  const Var x("x"), lane("lane");
  const RVar outer("outer"), inner("inner");
  const int lanes = plan.lanes();
  Func partial =
      sum.update().split(sum.rvars()[0], outer, inner, lanes, TailStrategy::GuardWithIf).rfactor(inner, lane);
  partial.compute_at(consumer, row).vectorize(lane, lanes, TailStrategy::RoundUp);
  partial.update().reorder(lane, outer, x).vectorize(lane, lanes, TailStrategy::RoundUp);
  sum.compute_at(consumer, row).vectorize(x, lanes, TailStrategy::GuardWithIf);
  sum.update().reorder(x, inner).vectorize(x, lanes, TailStrategy::GuardWithIf);
}

// For a row of the output.
inline void reduce_channels(Plan &plan, Halide::Func &sum) {
  reduce_channels(plan, sum, plan.stages["output"], Halide::Var("row"));
}

// Rows in parallel, channels side by side, or pixels where there are few.
inline void compute_in_rows(Plan &plan, Halide::Func &stage) {
  using namespace Halide;
  const Var c("c"), x("x");
  const Expr wide = plan.stages["output"].output_buffer().dim(0).extent() >= plan.lanes();
  stage.specialize(wide).vectorize(c, plan.lanes(), TailStrategy::GuardWithIf);
  stage.vectorize(x, plan.lanes(), TailStrategy::GuardWithIf);
}

}  // namespace sluice
