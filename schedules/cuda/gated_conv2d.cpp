// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/gated_conv2d.cpp.
#include "schedules/cuda/register_tiles.h"

SLUICE_SCHEDULE(cuda, gated_conv2d, forward) { sluice::launch_register_tiles(plan, 2); }
SLUICE_SCHEDULE(cuda, gated_conv2d, backward) { sluice::launch_every_gradient(plan); }
