// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/instance_norm2d_derivative.cpp.
#include "schedules/cpu/schedule.h"

SLUICE_SCHEDULE(cpu, instance_norm2d_derivative, forward) { sluice::store_every_stage(plan); }
SLUICE_SCHEDULE(cpu, instance_norm2d_derivative, backward) { sluice::store_every_stage(plan); }
