// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/adain.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, adain, forward) { sluice::launch_every_stage(plan); }
SLUICE_SCHEDULE(cuda, adain, backward) { sluice::launch_every_gradient(plan); }
