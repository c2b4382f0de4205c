// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/softmax_derivative.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, softmax_derivative, forward) { sluice::launch_every_stage(plan); }
SLUICE_SCHEDULE(cuda, softmax_derivative, backward) { sluice::launch_every_gradient(plan); }
