// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/global_avg_pool2d.cpp: rows in parallel, channels side by side.
#include "schedules/cpu/schedule.h"

using namespace Halide;

SLUICE_SCHEDULE(cpu, global_avg_pool2d, forward) {
  const Var c("c"), y("y"), n("n"), row("row");
  const int lanes = plan.lanes();
  Func &rows = plan.stages["row_sum"], &total = plan.stages["total"];
  rows.compute_root().fuse(y, n, row).parallel(row, 4, TailStrategy::GuardWithIf);
  rows.vectorize(c, lanes, TailStrategy::GuardWithIf);
  rows.update()
      .reorder(c, rows.rvars()[0], y, n)
      .fuse(y, n, row)
      .parallel(row, 4, TailStrategy::GuardWithIf)
      .vectorize(c, lanes, TailStrategy::GuardWithIf);
  total.compute_root().vectorize(c, lanes, TailStrategy::GuardWithIf);
  total.update().reorder(c, total.rvars()[0], n).vectorize(c, lanes, TailStrategy::GuardWithIf);
  plan.stages["output"].vectorize(c, lanes, TailStrategy::GuardWithIf);
}
SLUICE_SCHEDULE(cpu, global_avg_pool2d, backward) { sluice::store_every_stage(plan); }
