// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/adam.cpp.
#include "schedules/cuda/optimizer.h"

SLUICE_SCHEDULE(cuda, adam, forward) { sluice::update_every_element(plan); }
