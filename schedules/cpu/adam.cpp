// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/adam.cpp.
#include "schedules/cpu/optimizer.h"

SLUICE_SCHEDULE(cpu, adam, forward) { sluice::update_in_rows(plan); }
