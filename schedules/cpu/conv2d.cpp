// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/conv2d.cpp: two vectors of output channels for a tile of pixels, or of transformed tiles;
// of a few output channels one at a time.
#include "schedules/cpu/convolution.h"
#include "schedules/cpu/linear_gradient.h"
#include "schedules/cpu/winograd.h"

SLUICE_SCHEDULE(cpu, conv2d, forward) {
  if (plan.variants.at("transform").starts_with("winograd")) return sluice::schedule_winograd(plan);
  if (plan.variants.at("transform") == "narrow") return sluice::schedule_narrow(plan);
  sluice::tile_convolution(plan, 2 * plan.lanes());
}
SLUICE_SCHEDULE(cpu, conv2d, backward) {
  plan.variants.at("part") == "linear" ? sluice::schedule_linear_gradient(plan) : sluice::store_every_stage(plan);
}
