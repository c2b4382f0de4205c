// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/batch_moments.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, batch_moments, forward) { sluice::launch_every_stage(plan); }
SLUICE_SCHEDULE(cuda, batch_moments, backward) { sluice::launch_every_gradient(plan); }
