// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/gated_residual.cpp.
#include "schedules/cpu/pointwise.h"
#include "schedules/cpu/schedule.h"

SLUICE_SCHEDULE(cpu, gated_residual, forward) { sluice::compute_pointwise(plan); }
SLUICE_SCHEDULE(cpu, gated_residual, backward) { sluice::store_every_stage(plan); }
