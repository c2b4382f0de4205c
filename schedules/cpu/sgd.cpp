// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/sgd.cpp.
#include "schedules/cpu/optimizer.h"

SLUICE_SCHEDULE(cpu, sgd, forward) { sluice::update_in_rows(plan); }
