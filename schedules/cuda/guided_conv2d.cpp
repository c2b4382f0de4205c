// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/guided_conv2d.cpp.
#include "schedules/cuda/guided.h"

SLUICE_SCHEDULE(cuda, guided_conv2d, forward) { sluice::launch_guided(plan, {"tap_max", "tap_sum", "panels"}); }
SLUICE_SCHEDULE(cuda, guided_conv2d, backward) { sluice::launch_every_gradient(plan); }
