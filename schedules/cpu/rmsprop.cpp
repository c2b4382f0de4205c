// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/rmsprop.cpp.
#include "schedules/cpu/optimizer.h"

SLUICE_SCHEDULE(cpu, rmsprop, forward) { sluice::update_in_rows(plan); }
