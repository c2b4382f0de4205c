// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/avg_pool2d.cpp.
#include "schedules/cpu/pooling.h"
#include "schedules/cpu/schedule.h"

SLUICE_SCHEDULE(cpu, avg_pool2d, forward) { sluice::compute_pooling(plan); }
SLUICE_SCHEDULE(cpu, avg_pool2d, backward) { sluice::store_every_stage(plan); }
