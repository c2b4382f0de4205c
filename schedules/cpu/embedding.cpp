// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/embedding.cpp: a copy of a few rows.
#include "schedules/cpu/schedule.h"

using namespace Halide;

SLUICE_SCHEDULE(cpu, embedding, forward) {
  const Var c("c");
  plan.stages["output"].vectorize(c, plan.lanes(), TailStrategy::GuardWithIf);
}
SLUICE_SCHEDULE(cpu, embedding, backward) { sluice::store_every_stage(plan); }
