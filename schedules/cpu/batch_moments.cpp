// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/batch_moments.cpp: rows in parallel, then the small sums of their moments.
#include "schedules/cpu/statistics.h"

using namespace Halide;

SLUICE_SCHEDULE(cpu, batch_moments, forward) {
  const Var c("c"), y("y"), n("n"), ci("ci"), line("line");
  const int lanes = plan.lanes();
  for (const char *name : {"plane", "batch"}) {
    for (const char *part : {"_total", "_mean", "_deviation", "_square"}) {
      Func small = plan.stages[std::string(name) + part];
      small.compute_root().vectorize(c, lanes, TailStrategy::GuardWithIf);
      for (int u = 0; u < small.num_update_definitions(); u++)
        small.update(u).reorder(c, small.rvars(u)[0]).vectorize(c, lanes, TailStrategy::GuardWithIf);
    }
  }
  plan.stages["output"].vectorize(c, lanes, TailStrategy::GuardWithIf);
  for (const char *name : {"row_mean", "row_square"}) plan.stages[name].compute_inline();
  plan.stages["row"]
      .compute_root()
      .split(c, c, ci, sluice::kRowVectors * lanes, TailStrategy::GuardWithIf)
      .vectorize(ci, lanes, TailStrategy::GuardWithIf)
      .fuse(y, n, line)
      .parallel(line, sluice::kRows, TailStrategy::GuardWithIf);
  for (const char *name : {"row_total", "row_center", "row_deviation"}) {
    plan.stages[name]
        .compute_at(plan.stages["row"], c)
        .store_in(MemoryType::Stack)
        .bound_storage(c, sluice::kRowVectors * lanes);
  }
  sluice::sum_row(plan.stages["row_total"], lanes);
  sluice::sum_row(plan.stages["row_deviation"], lanes);
  plan.stages["row_center"].vectorize(c, lanes, TailStrategy::GuardWithIf);
}
SLUICE_SCHEDULE(cpu, batch_moments, backward) { sluice::store_norm_stages(plan); }
