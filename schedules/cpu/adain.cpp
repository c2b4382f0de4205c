// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/adain.cpp.
#include "schedules/cpu/statistics.h"

SLUICE_SCHEDULE(cpu, adain, forward) { sluice::compute_norm(plan); }
SLUICE_SCHEDULE(cpu, adain, backward) { sluice::store_norm_stages(plan); }
