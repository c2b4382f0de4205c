// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/partial_conv2d.cpp.
#include "schedules/cuda/schedule.h"

SLUICE_SCHEDULE(cuda, partial_conv2d, forward) {
  for (const char *name : {"pixels", "covered"}) {
    Halide::Func &stage = plan.stages[name];
    stage.compute_root();
    sluice::launch(stage, stage.args());
    sluice::launch(stage.update(), stage.args());
  }
  sluice::launch_output(plan);
  sluice::launch(plan.stages["new_mask"], plan.stages["new_mask"].args());
}
