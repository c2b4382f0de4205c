// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/batch_norm_of_moments.cpp.
#include "schedules/cuda/statistics.h"

SLUICE_SCHEDULE(cuda, batch_norm_of_moments, forward) { sluice::launch_norm(plan); }
SLUICE_SCHEDULE(cuda, batch_norm_of_moments, backward) { sluice::launch_every_gradient(plan); }
