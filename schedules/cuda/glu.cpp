// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/glu.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, glu, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, glu, backward) { sluice::launch_every_gradient(plan); }
