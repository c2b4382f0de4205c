// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/guided_channelwise_conv2d.cpp.
#include "schedules/cuda/guided.h"

SLUICE_SCHEDULE(cuda, guided_channelwise_conv2d, forward) { sluice::launch_guided(plan); }
SLUICE_SCHEDULE(cuda, guided_channelwise_conv2d, backward) { sluice::launch_every_gradient(plan); }
