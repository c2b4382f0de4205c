// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/gated_conv3d.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, gated_conv3d, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, gated_conv3d, backward) { sluice::launch_every_gradient(plan); }
