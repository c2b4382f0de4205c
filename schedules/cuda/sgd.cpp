// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/sgd.cpp.
#include "schedules/cuda/optimizer.h"

SLUICE_SCHEDULE(cuda, sgd, forward) { sluice::update_every_element(plan); }
