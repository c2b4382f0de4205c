// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/group_norm.cpp.
#include "schedules/cpu/statistics.h"

SLUICE_SCHEDULE(cpu, group_norm, forward) { sluice::compute_norm(plan); }
SLUICE_SCHEDULE(cpu, group_norm, backward) { sluice::store_norm_stages(plan); }
