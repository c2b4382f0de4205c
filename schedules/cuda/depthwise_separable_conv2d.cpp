// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/depthwise_separable_conv2d.cpp: two launches, the depthwise result stored between them.
#include "schedules/cuda/schedule.h"

using namespace Halide;

SLUICE_SCHEDULE(cuda, depthwise_separable_conv2d, forward) {
  const Var thread("thread");
  Func &depthwise = plan.stages["depthwise"];
  sluice::launch_stored(depthwise);
  plan.stages["depthwise_sum"].compute_at(depthwise, thread);
  sluice::launch_output(plan);
}
SLUICE_SCHEDULE(cuda, depthwise_separable_conv2d, backward) { sluice::launch_every_gradient(plan); }
