// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/glu.cpp: one pass over rows.
#include "schedules/cpu/pointwise.h"

using namespace Halide;

SLUICE_SCHEDULE(cpu, glu, forward) {
  const Var c("c"), y("y"), n("n"), row("row");
  plan.stages["output"].fuse(y, n, row).parallel(row, 8, TailStrategy::GuardWithIf);
  plan.stages["output"].vectorize(c, plan.lanes(), TailStrategy::GuardWithIf);
}
// Both halves of some pixels at a time, in the first cache, each by its own update.
SLUICE_SCHEDULE(cpu, glu, backward) {
  constexpr int kPixels = 16;
  const Var pixel("pixel"), tile("tile");
  Func &stored = plan.gradients["stored_input"], &gradient = plan.gradients["grad_input"];
  Func &halves = plan.gradients["adjoint_halves"];
  const std::vector<Var> axes = stored.args();  // c, x, y, n
  const Var c = gradient.args()[0];
  stored.split(axes[1], tile, pixel, kPixels, TailStrategy::GuardWithIf).parallel(axes[2]);
  stored.vectorize(axes[0], plan.lanes(), TailStrategy::GuardWithIf);
  for (Func *stage : {&gradient, &halves}) {  // memory once a row, for one tile
    const Var x = stage->args()[stage == &halves ? 2 : 1];
    stage->store_at(stored, axes[2]).compute_at(stored, tile).fold_storage(x, kPixels);
  }
  gradient.vectorize(c, plan.lanes(), TailStrategy::RoundUp);
  const std::vector<RVar> r = gradient.rvars();  // c, half: every element once
  gradient.update().reorder(r[0], r[1], gradient.args()[1]).allow_race_conditions();
  gradient.update().vectorize(r[0], plan.lanes(), TailStrategy::GuardWithIf);
  halves.vectorize(halves.args()[0], plan.lanes(), TailStrategy::RoundUp);
  // Channels that do not fill a vector would be gathered: half ones are filled more often.
  const Expr fills = (plan.extents.at("input.c") / 2) % plan.lanes() == 0;
  for (int u = 0; u < halves.num_update_definitions(); u++) {
    halves.update(u).specialize(fills).vectorize(halves.args()[0], plan.lanes(), TailStrategy::GuardWithIf);
    halves.update(u).vectorize(halves.args()[0], plan.lanes() / 2, TailStrategy::GuardWithIf);
  }
}
