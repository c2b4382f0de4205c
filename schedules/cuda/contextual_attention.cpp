// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/contextual_attention.cpp: plain, every stage stored whole.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, contextual_attention, forward) { sluice::launch_every_stage(plan); }
SLUICE_SCHEDULE(cuda, contextual_attention, backward) { sluice::launch_every_gradient(plan); }
