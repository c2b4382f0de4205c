// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/partial_conv2d.cpp: as conv2d, over an input masked tile by tile.
#include "schedules/cpu/convolution.h"

using namespace Halide;

SLUICE_SCHEDULE(cpu, partial_conv2d, forward) {
  const Var c("c"), x("x"), y("y"), n("n"), i("i"), row("row"), task("task");
  const int lanes = plan.lanes();
  sluice::tile_convolution(plan, 2 * lanes);
  plan.stages["padded"]
      .compute_at(plan.stages["output"], x)
      .hoist_storage(plan.stages["output"], task)
      .vectorize(i, lanes, TailStrategy::GuardWithIf)
      .specialize(plan.scalars.at("mask_channels_kind") == 1);
  // What depends on the mask alone: one channel, once.
  for (const char *name : {"pixels", "covered", "ratio", "seen"}) {
    plan.stages[name]
        .compute_root()
        .vectorize(x, lanes, TailStrategy::GuardWithIf)
        .parallel(n)
        .parallel(y, 8, TailStrategy::GuardWithIf);
  }
  for (const char *name : {"pixels", "covered"}) {
    Stage sum = plan.stages[name].update();
    sum.vectorize(x, lanes, TailStrategy::GuardWithIf).parallel(n).parallel(y, 8, TailStrategy::GuardWithIf);
    std::vector<VarOrRVar> order{x};
    for (const RVar &r : plan.stages[name].rvars()) order.push_back(r);
    sum.reorder(order);
  }
  plan.stages["new_mask"]
      .vectorize(x, lanes, TailStrategy::GuardWithIf)
      .fuse(y, n, row)
      .parallel(row, 8, TailStrategy::GuardWithIf);
}

SLUICE_SCHEDULE(cpu, partial_conv2d, backward) { sluice::store_every_stage(plan); }
