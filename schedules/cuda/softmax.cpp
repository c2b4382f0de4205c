// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/softmax.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, softmax, forward) { sluice::launch_every_stage(plan); }
SLUICE_SCHEDULE(cuda, softmax, backward) { sluice::launch_every_gradient(plan); }
