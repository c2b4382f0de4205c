// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/pick_channel.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, pick_channel, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, pick_channel, backward) { sluice::launch_every_gradient(plan); }
