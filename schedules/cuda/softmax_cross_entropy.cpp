// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/softmax_cross_entropy.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, softmax_cross_entropy, forward) { sluice::launch_every_stage(plan); }
SLUICE_SCHEDULE(cuda, softmax_cross_entropy, backward) { sluice::launch_every_gradient(plan); }
