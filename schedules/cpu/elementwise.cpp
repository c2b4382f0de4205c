// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/elementwise.cpp.
#include "schedules/cpu/pointwise.h"
#include "schedules/cpu/schedule.h"

SLUICE_SCHEDULE(cpu, elementwise, forward) { sluice::compute_pointwise(plan); }
SLUICE_SCHEDULE(cpu, elementwise, backward) { sluice::store_every_stage(plan); }
