// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/activation.cpp.
#include "schedules/cpu/pointwise.h"

SLUICE_SCHEDULE(cpu, activation, forward) { sluice::compute_pointwise(plan); }
SLUICE_SCHEDULE(cpu, activation, backward) { sluice::differentiate_pointwise(plan); }
