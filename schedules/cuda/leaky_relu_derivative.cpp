// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/leaky_relu_derivative.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, leaky_relu_derivative, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, leaky_relu_derivative, backward) { sluice::launch_every_gradient(plan); }
