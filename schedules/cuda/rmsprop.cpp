// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/rmsprop.cpp.
#include "schedules/cuda/optimizer.h"

SLUICE_SCHEDULE(cuda, rmsprop, forward) { sluice::update_every_element(plan); }
