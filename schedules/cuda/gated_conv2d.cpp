// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/gated_conv2d.cpp.
#include "schedules/cuda/register_tiles.h"

// Two sums each; with strides the columns' addresses would take the registers that are left.
SLUICE_SCHEDULE(cuda, gated_conv2d, forward) {
  sluice::launch_register_tiles(plan, {2, plan.variants.at("reading") == "strided" ? 2 : 4});
}
SLUICE_SCHEDULE(cuda, gated_conv2d, backward) { sluice::launch_every_gradient(plan); }
