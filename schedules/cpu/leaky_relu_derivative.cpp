// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/leaky_relu_derivative.cpp.
#include "schedules/cpu/pointwise.h"
#include "schedules/cpu/schedule.h"

SLUICE_SCHEDULE(cpu, leaky_relu_derivative, forward) { sluice::compute_pointwise(plan); }
SLUICE_SCHEDULE(cpu, leaky_relu_derivative, backward) { sluice::store_every_stage(plan); }
