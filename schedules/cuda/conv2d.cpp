// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/conv2d.cpp.
#include "schedules/cuda/linear_gradient.h"

SLUICE_SCHEDULE(cuda, conv2d, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, conv2d, backward) {
  plan.variants.at("part") == "linear" ? sluice::launch_linear_gradient(plan) : sluice::launch_every_gradient(plan);
}
