// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/l2_normalize.cpp: a row at a time.
#include "schedules/cpu/channel_sums.h"

using namespace Halide;

SLUICE_SCHEDULE(cpu, l2_normalize, forward) {
  const Var x("x"), y("y"), n("n"), row("row"), task("task");
  Func &output = plan.stages["output"];
  output.fuse(y, n, row).split(row, task, row, sluice::kRowsOfTask, TailStrategy::GuardWithIf).parallel(task);
  sluice::compute_in_rows(plan, output);
  plan.stages["inverse"].compute_at(output, row).vectorize(x, plan.lanes(), TailStrategy::GuardWithIf);
  sluice::reduce_channels(plan, plan.stages["squares"]);
}
SLUICE_SCHEDULE(cpu, l2_normalize, backward) { sluice::store_every_stage(plan); }
