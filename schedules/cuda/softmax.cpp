// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/softmax.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, softmax, forward) {
  sluice::launch_sum(plan.stages["row_max"]);
  sluice::launch_stored(plan.stages["unnormalised"]);
  sluice::launch_sum(plan.stages["row_sum"]);
  sluice::launch(plan.stages["output"], plan.stages["output"].args());
}
SLUICE_SCHEDULE(cuda, softmax, backward) { sluice::launch_every_gradient(plan); }
