// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/l2_normalize.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, l2_normalize, forward) { sluice::launch_every_stage(plan); }
SLUICE_SCHEDULE(cuda, l2_normalize, backward) { sluice::launch_every_gradient(plan); }
