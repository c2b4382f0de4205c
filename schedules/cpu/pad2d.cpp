// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/pad2d.cpp.
#include "schedules/cpu/pointwise.h"
#include "schedules/cpu/schedule.h"

SLUICE_SCHEDULE(cpu, pad2d, forward) { sluice::compute_pointwise(plan); }
SLUICE_SCHEDULE(cpu, pad2d, backward) { sluice::store_every_stage(plan); }
