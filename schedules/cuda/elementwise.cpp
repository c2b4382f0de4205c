// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/elementwise.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, elementwise, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, elementwise, backward) { sluice::launch_every_gradient(plan); }
