// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/batch_norm_of_moments.cpp.
#include "schedules/cpu/statistics.h"

SLUICE_SCHEDULE(cpu, batch_norm_of_moments, forward) { sluice::compute_norm(plan); }
SLUICE_SCHEDULE(cpu, batch_norm_of_moments, backward) { sluice::store_norm_stages(plan); }
