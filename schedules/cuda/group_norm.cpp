// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/group_norm.cpp.
#include "schedules/cuda/statistics.h"

SLUICE_SCHEDULE(cuda, group_norm, forward) { sluice::launch_norm(plan); }
SLUICE_SCHEDULE(cuda, group_norm, backward) { sluice::launch_every_gradient(plan); }
