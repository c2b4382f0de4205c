// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/resize.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, resize, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, resize, backward) { sluice::launch_every_gradient(plan); }
