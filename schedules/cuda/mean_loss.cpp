// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/mean_loss.cpp.
#include "schedules/cuda/schedule.h"

using namespace Halide;

SLUICE_SCHEDULE(cuda, mean_loss, forward) {
  for (const char *name : {"line_sum", "row_sum", "total", "output"}) {
    Func &stage = plan.stages[name];
    stage.compute_root();
    sluice::launch(stage, stage.args());
    for (int u = 0; u < stage.num_update_definitions(); u++) sluice::launch(stage.update(u), stage.args());
  }
}
