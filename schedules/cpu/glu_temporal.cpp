// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/glu_temporal.cpp: one vector of features and one of gates for a tile of nodes, and then
// the aligned input for the same tile.
#include "schedules/cpu/convolution.h"

using namespace Halide;

SLUICE_SCHEDULE(cpu, glu_temporal, forward) {
  const int lanes = plan.lanes();
  sluice::tile_convolution(plan, lanes);
  // One way to align is known: no gathers.
  for (int kind : {0, 2}) plan.stages["output"].specialize(plan.scalars.at("align_kind") == kind);
  const Var c("c"), x("x");
  Func &sum = plan.stages["align_sum"];
  sum.bound_extent(x, plan.tuned("tile_x")).bound_extent(c, lanes).align_bounds(c, lanes);
  sum.compute_at(plan.stages["output"], x).vectorize(c, lanes).unroll(x);
  sum.update().reorder(c, x, sum.rvars()[0]).vectorize(c, lanes).unroll(x);
}
SLUICE_SCHEDULE(cpu, glu_temporal, backward) { sluice::store_every_stage(plan); }
