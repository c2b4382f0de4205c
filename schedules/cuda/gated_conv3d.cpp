// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/gated_conv3d.cpp.
#include "schedules/cuda/register_tiles.h"

// Two sums each.
SLUICE_SCHEDULE(cuda, gated_conv3d, forward) { sluice::launch_register_tiles(plan, {2, 2}); }
SLUICE_SCHEDULE(cuda, gated_conv3d, backward) { sluice::launch_every_gradient(plan); }
