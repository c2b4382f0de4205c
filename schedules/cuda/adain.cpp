// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/adain.cpp.
#include "schedules/cuda/statistics.h"

SLUICE_SCHEDULE(cuda, adain, forward) { sluice::launch_norm(plan); }
SLUICE_SCHEDULE(cuda, adain, backward) { sluice::launch_every_gradient(plan); }
