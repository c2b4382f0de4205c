// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/activation.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, activation, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, activation, backward) { sluice::launch_every_gradient(plan); }
