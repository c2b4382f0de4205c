// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/pixel_shuffle.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, pixel_shuffle, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, pixel_shuffle, backward) { sluice::launch_every_gradient(plan); }
