// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/global_avg_pool2d.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, global_avg_pool2d, forward) {
  sluice::launch_sum(plan.stages["row_sum"]);
  sluice::launch_with_sums(plan, "output", {"total"});
}
SLUICE_SCHEDULE(cuda, global_avg_pool2d, backward) { sluice::launch_every_gradient(plan); }
