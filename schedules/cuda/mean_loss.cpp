// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/mean_loss.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, mean_loss, forward) {
  for (const char *name : {"line_sum", "row_sum", "total", "output"}) sluice::launch_stored(plan.stages[name]);
}
SLUICE_SCHEDULE(cuda, mean_loss, backward) { sluice::launch_every_gradient(plan); }
