// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/batch_moments.cpp.
#include "schedules/cuda/statistics.h"

SLUICE_SCHEDULE(cuda, batch_moments, forward) {
  sluice::launch_moments(plan);
  sluice::launch(plan.stages["output"], plan.stages["output"].args());
}
SLUICE_SCHEDULE(cuda, batch_moments, backward) { sluice::launch_every_gradient(plan); }
