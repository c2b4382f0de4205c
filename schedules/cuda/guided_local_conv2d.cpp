// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/guided_local_conv2d.cpp.
#include "schedules/cuda/guided.h"

SLUICE_SCHEDULE(cuda, guided_local_conv2d, forward) {
  sluice::launch_guided(plan, {"tap_max", "tap_sum"});
  // The sums that a processor keeps in the lanes of a vector come one after another here, each in a register.
  if (plan.stages.has("partial"))
    plan.stages["partial"].compute_at(plan.stages["total"], plan.stages["total"].rvars()[0]);
}
SLUICE_SCHEDULE(cuda, guided_local_conv2d, backward) { sluice::launch_every_gradient(plan); }
