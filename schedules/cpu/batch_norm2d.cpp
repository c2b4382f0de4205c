// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/batch_norm2d.cpp.
#include "schedules/cpu/statistics.h"

SLUICE_SCHEDULE(cpu, batch_norm2d, forward) { sluice::compute_norm(plan); }
SLUICE_SCHEDULE(cpu, batch_norm2d, backward) { sluice::store_norm_stages(plan); }
