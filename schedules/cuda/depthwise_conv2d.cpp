// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/depthwise_conv2d.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, depthwise_conv2d, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, depthwise_conv2d, backward) { sluice::launch_every_gradient(plan); }
