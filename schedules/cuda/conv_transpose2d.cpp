// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/conv_transpose2d.cpp.
#include "schedules/cuda/register_tiles.h"

using namespace Halide;

namespace {

// Of stride 2: columns of one parity have the same taps, so each parity is stored, and then read by the output.
void launch_parities(sluice::Plan &plan) {
  const Var c("c"), u("u"), v("v"), p("p"), q("q"), n("n");
  Func &phase = plan.stages["phase"];
  phase.compute_root();
  phase.fuse(p, q, p).fuse(p, n, p).reorder(c, u, v, p);
  sluice::tile_registers(phase, plan.stages["sum"], {4, 2}, {v, p});
  sluice::launch(plan.stages["output"], plan.stages["output"].args());
}

}  // namespace

// Of other strides each column's taps are its own, and so are its weights.
SLUICE_SCHEDULE(cuda, conv_transpose2d, forward) {
  const std::string phases = plan.variants.at("phases");
  if (phases == "two") return launch_parities(plan);
  sluice::launch_register_tiles(plan, phases == "one" ? sluice::RegisterTile{4, 4} : sluice::RegisterTile{8, 1});
}
SLUICE_SCHEDULE(cuda, conv_transpose2d, backward) { sluice::launch_every_gradient(plan); }
