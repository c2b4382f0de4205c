// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/conv_transpose2d.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, conv_transpose2d, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, conv_transpose2d, backward) { sluice::launch_every_gradient(plan); }
