// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/gated_conv3d.cpp: one vector of features and one of gates for a tile of pixels of a frame,
// or of transformed tiles.
#include "schedules/cpu/convolution.h"
#include "schedules/cpu/winograd.h"

SLUICE_SCHEDULE(cpu, gated_conv3d, forward) {
  if (plan.variants.at("transform").starts_with("winograd")) return sluice::schedule_winograd(plan);
  sluice::tile_convolution(plan, plan.lanes());
}
SLUICE_SCHEDULE(cpu, gated_conv3d, backward) { sluice::store_every_stage(plan); }
