// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/conv2d.cpp.
#include "schedules/cuda/linear_gradient.h"
#include "schedules/cuda/register_tiles.h"

SLUICE_SCHEDULE(cuda, conv2d, forward) { sluice::launch_register_tiles(plan, {4, 4}); }
SLUICE_SCHEDULE(cuda, conv2d, backward) {
  plan.variants.at("part") == "linear" ? sluice::launch_linear_gradient(plan) : sluice::launch_every_gradient(plan);
}
