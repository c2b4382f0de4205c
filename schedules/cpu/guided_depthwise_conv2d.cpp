// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/guided_depthwise_conv2d.cpp: the matrix of a sample as panels, then a 1x1 convolution.
#include "schedules/cpu/convolution.h"

SLUICE_SCHEDULE(cpu, guided_depthwise_conv2d, forward) {
  using namespace Halide;
  const Var lane("lane"), panel("panel"), n("n"), task("task");
  const int lanes = plan.lanes();
  sluice::tile_convolution(plan, 2 * lanes);
  plan.stages["scale"].compute_root();
  plan.stages["shift"].compute_root();
  plan.stages["panels"]
      .compute_root()
      .bound_extent(lane, 2 * lanes)
      .vectorize(lane, lanes)
      .fuse(panel, n, task)
      .parallel(task);
}
SLUICE_SCHEDULE(cpu, guided_depthwise_conv2d, backward) { sluice::store_every_stage(plan); }
