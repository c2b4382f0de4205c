// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/l2_normalize.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, l2_normalize, forward) {
  sluice::launch_with_sums(plan, "inverse", {"squares"});
  sluice::launch(plan.stages["output"], plan.stages["output"].args());
}
SLUICE_SCHEDULE(cuda, l2_normalize, backward) { sluice::launch_every_gradient(plan); }
