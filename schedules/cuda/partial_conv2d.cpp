// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/partial_conv2d.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, partial_conv2d, forward) {
  for (const char *name : {"pixels", "covered"}) sluice::launch_stored(plan.stages[name]);
  sluice::launch_output(plan);
  sluice::launch(plan.stages["new_mask"], plan.stages["new_mask"].args());
}
SLUICE_SCHEDULE(cuda, partial_conv2d, backward) { sluice::launch_every_gradient(plan); }
