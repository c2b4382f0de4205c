// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/gated_residual.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, gated_residual, forward) { sluice::launch_output(plan); }
SLUICE_SCHEDULE(cuda, gated_residual, backward) { sluice::launch_every_gradient(plan); }
