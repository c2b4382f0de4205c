// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/glu.cpp: one pass over rows, forward and backward.
#include "schedules/cpu/pointwise.h"

using namespace Halide;

SLUICE_SCHEDULE(cpu, glu, forward) {
  const Var c("c"), y("y"), n("n"), row("row");
  plan.stages["output"].fuse(y, n, row).parallel(row, 8, TailStrategy::GuardWithIf);
  plan.stages["output"].vectorize(c, plan.lanes(), TailStrategy::GuardWithIf);
}
SLUICE_SCHEDULE(cpu, glu, backward) { sluice::differentiate_pointwise(plan, {"adjoint_feature", "adjoint_gate"}); }
