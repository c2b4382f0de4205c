// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/blend.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, blend, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, blend, backward) { sluice::launch_every_gradient(plan); }
