// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/guided_conv2d.cpp: the kernels of a sample as panels, then a convolution.
#include "schedules/cpu/convolution.h"

SLUICE_SCHEDULE(cpu, guided_conv2d, forward) {
  using namespace Halide;
  const Var lane("lane"), i("i"), panel("panel"), n("n"), task("task");
  const int lanes = plan.lanes();
  sluice::tile_convolution(plan, 2 * lanes);
  plan.stages["offset"].compute_root();
  plan.stages["panels"]
      .compute_root()
      .bound_extent(lane, 2 * lanes)
      .vectorize(lane, lanes)
      .fuse(panel, n, task)
      .parallel(task);
  for (const char *name : {"tap_max", "tap_sum"}) {
    plan.stages[name].compute_root().vectorize(i, lanes, TailStrategy::GuardWithIf);
    plan.stages[name].update().vectorize(i, lanes, TailStrategy::GuardWithIf);
  }
}
SLUICE_SCHEDULE(cpu, guided_conv2d, backward) { sluice::store_every_stage(plan); }
