// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/mean_loss.cpp: one pass over the tensors, rows in parallel, channels side by side, or
// strands where there are few channels.
#include "schedules/cpu/pointwise.h"
#include "schedules/cpu/schedule.h"

using namespace Halide;

SLUICE_SCHEDULE(cpu, mean_loss, forward) {
  const Var c("c"), strand("strand"), y("y"), n("n"), task("task");
  const int lanes = plan.lanes();
  Func &line = plan.stages["line_sum"], &row = plan.stages["row_sum"];
  plan.stages["total"].compute_root();
  row.compute_root().update().fuse(y, n, task).parallel(task);
  line.compute_at(row, task).vectorize(strand, lanes, TailStrategy::GuardWithIf);
  line.update().reorder(c, strand, line.rvars()[0], y, n);
  for (const sluice::InputBuffer &input : sluice::input_buffers(line)) {
    if (input.name() == "input") sluice::vectorize_channels(line.update(), input.extent(0) >= lanes, plan);
  }
  line.update().reorder(strand, c, line.rvars()[0], y, n).vectorize(strand, lanes, TailStrategy::GuardWithIf);
}
SLUICE_SCHEDULE(cpu, mean_loss, backward) { sluice::store_every_stage(plan); }
