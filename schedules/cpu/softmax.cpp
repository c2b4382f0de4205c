// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/softmax.cpp: a row at a time, so that every exponential is computed once and stays in the
// cache.
#include "schedules/cpu/channel_sums.h"

using namespace Halide;

SLUICE_SCHEDULE(cpu, softmax, forward) {
  const Var y("y"), n("n"), row("row"), task("task");
  Func &output = plan.stages["output"], &unnormalised = plan.stages["unnormalised"];
  output.fuse(y, n, row).split(row, task, row, sluice::kRowsOfTask, TailStrategy::GuardWithIf).parallel(task);
  unnormalised.compute_at(output, row);
  for (Func *stage : {&output, &unnormalised}) sluice::compute_in_rows(plan, *stage);
  for (const char *name : {"row_max", "row_sum"}) sluice::reduce_channels(plan, plan.stages[name]);
}
SLUICE_SCHEDULE(cpu, softmax, backward) { sluice::store_every_stage(plan); }
