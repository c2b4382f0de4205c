// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/gated_conv3d.cpp: one vector of features and one of gates for a tile of pixels of a frame.
#include "schedules/cpu/convolution.h"

SLUICE_SCHEDULE(cpu, gated_conv3d, forward) { sluice::tile_convolution(plan, plan.lanes()); }
SLUICE_SCHEDULE(cpu, gated_conv3d, backward) { sluice::store_every_stage(plan); }
