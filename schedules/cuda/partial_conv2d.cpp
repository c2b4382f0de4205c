// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/partial_conv2d.cpp.
#include "schedules/cuda/register_tiles.h"

SLUICE_SCHEDULE(cuda, partial_conv2d, forward) {
  for (const char *name : {"pixels", "covered"}) sluice::launch_stored(plan.stages[name]);
  sluice::launch_register_tiles(plan, {4, 2});
  sluice::launch(plan.stages["new_mask"], plan.stages["new_mask"].args());
}
SLUICE_SCHEDULE(cuda, partial_conv2d, backward) { sluice::launch_every_gradient(plan); }
