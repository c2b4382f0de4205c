// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/softmax_derivative.cpp.
#include "schedules/cpu/schedule.h"

SLUICE_SCHEDULE(cpu, softmax_derivative, forward) { sluice::store_every_stage(plan); }
SLUICE_SCHEDULE(cpu, softmax_derivative, backward) { sluice::store_every_stage(plan); }
