// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/embedding.cpp.
#include "schedules/cpu/pointwise.h"
#include "schedules/cpu/schedule.h"

SLUICE_SCHEDULE(cpu, embedding, forward) { sluice::store_every_stage(plan); }
SLUICE_SCHEDULE(cpu, embedding, backward) { sluice::store_every_stage(plan); }
