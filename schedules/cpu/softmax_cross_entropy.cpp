// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/softmax_cross_entropy.cpp: rows in parallel, what a row needs while it is in the cache.
#include "schedules/cpu/channel_sums.h"

using namespace Halide;

SLUICE_SCHEDULE(cpu, softmax_cross_entropy, forward) {
  const Var x("x"), y("y"), n("n"), task("task");
  Func &row = plan.stages["row_sum"];
  plan.stages["total"].compute_root();
  row.compute_root().update().fuse(y, n, task).parallel(task);
  plan.stages["pixel_loss"].compute_at(row, task).vectorize(x, plan.lanes(), TailStrategy::GuardWithIf);
  for (const char *name : {"row_max", "exp_sum"}) sluice::reduce_channels(plan, plan.stages[name], row, task);
}
SLUICE_SCHEDULE(cpu, softmax_cross_entropy, backward) { sluice::store_every_stage(plan); }
