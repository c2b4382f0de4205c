// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/batch_norm2d.cpp.
#include "schedules/cuda/statistics.h"

SLUICE_SCHEDULE(cuda, batch_norm2d, forward) { sluice::launch_norm(plan); }
SLUICE_SCHEDULE(cuda, batch_norm2d, backward) { sluice::launch_every_gradient(plan); }
