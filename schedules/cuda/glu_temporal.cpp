// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/glu_temporal.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, glu_temporal, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, glu_temporal, backward) { sluice::launch_every_gradient(plan); }
