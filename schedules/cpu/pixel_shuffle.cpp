// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/pixel_shuffle.cpp.
#include "schedules/cpu/pointwise.h"
#include "schedules/cpu/schedule.h"

SLUICE_SCHEDULE(cpu, pixel_shuffle, forward) { sluice::compute_pointwise(plan); }
SLUICE_SCHEDULE(cpu, pixel_shuffle, backward) { sluice::store_every_stage(plan); }
