// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/max_pool2d.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, max_pool2d, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, max_pool2d, backward) { sluice::launch_every_gradient(plan); }
