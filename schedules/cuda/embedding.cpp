// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/embedding.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, embedding, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, embedding, backward) { sluice::launch_every_gradient(plan); }
