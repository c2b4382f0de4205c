// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/dropout.cpp.
#include "schedules/cpu/pointwise.h"
#include "schedules/cpu/schedule.h"

using namespace Halide;

SLUICE_SCHEDULE(cpu, dropout, forward) {
  const Var c("c"), y("y"), n("n"), row("row");
  plan.stages["output"]
      .specialize(plan.scalars.at("mode_kind") == 0)  // a copy, without random bits
      .fuse(y, n, row)
      .parallel(row, 8, TailStrategy::GuardWithIf)
      .vectorize(c, plan.lanes(), TailStrategy::GuardWithIf);
  sluice::compute_pointwise(plan);
}
SLUICE_SCHEDULE(cpu, dropout, backward) { sluice::store_every_stage(plan); }
