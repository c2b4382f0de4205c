// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/pick_channel.cpp: one number a picture.
#include "schedules/cpu/schedule.h"

SLUICE_SCHEDULE(cpu, pick_channel, forward) { sluice::store_every_stage(plan); }
SLUICE_SCHEDULE(cpu, pick_channel, backward) { sluice::store_every_stage(plan); }
