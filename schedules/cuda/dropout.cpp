// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/dropout.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, dropout, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, dropout, backward) { sluice::launch_every_gradient(plan); }
