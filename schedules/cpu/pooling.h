// SPDX-License-Identifier: Apache-2.0
// How pooling layers are computed on a CPU.
#pragma once
#include "schedules/cpu/pointwise.h"

namespace sluice {

// As pointwise layers, with the sum (or maximum) over the window in registers, for the common windows without a loop.
inline void compute_pooling(Plan &plan) {
  using namespace Halide;
  const Var c("c"), x("x");
  compute_pointwise(plan);
  Func &sum = plan.stages["sum"], &output = plan.stages["output"];
  if (plan.stages.has("padded")) plan.stages["padded"].compute_inline();
  sum.compute_at(output, c);
  const Expr wide = output.output_buffer().dim(0).extent() >= plan.lanes();
  const std::vector<RVar> tap = sum.rvars();
  for (const int kernel : {2, 3}) {
    const Expr usual = plan.scalars.at("kernel_w") == kernel && plan.scalars.at("kernel_h") == kernel;
    sum.update()
        .specialize(wide && usual)
        .vectorize(c, plan.lanes(), TailStrategy::GuardWithIf)
        .unroll(tap[0], kernel)
        .unroll(tap[1], kernel);
  }
  for (Stage stage : {Stage(sum), Stage(sum.update())}) {
    stage.specialize(wide).vectorize(c, plan.lanes(), TailStrategy::GuardWithIf);
    stage.vectorize(x, plan.lanes(), TailStrategy::GuardWithIf);
  }
}

}  // namespace sluice
