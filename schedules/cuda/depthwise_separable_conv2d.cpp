// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/depthwise_separable_conv2d.cpp: two launches, the depthwise result stored between them.
#include "schedules/cuda/register_tiles.h"

SLUICE_SCHEDULE(cuda, depthwise_separable_conv2d, forward) {
  sluice::launch_with_sums(plan, "depthwise", {"depthwise_sum"});
  sluice::launch_register_tiles(plan, {4, 4});
}
SLUICE_SCHEDULE(cuda, depthwise_separable_conv2d, backward) { sluice::launch_every_gradient(plan); }
