// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/generated_guided_conv2d.cpp.
#include "schedules/cuda/guided.h"

// Without softmax a tap is used where it is generated.
SLUICE_SCHEDULE(cuda, generated_guided_conv2d, forward) {
  if (plan.variants.at("softmax") == "taps") return sluice::launch_guided(plan, {"kernels", "tap_max"});
  sluice::launch_guided(plan);
  plan.stages["kernels"].compute_at(plan.stages["sum"], plan.stages["sum"].rvars()[0]);
}
SLUICE_SCHEDULE(cuda, generated_guided_conv2d, backward) { sluice::launch_every_gradient(plan); }
