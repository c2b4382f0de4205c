// SPDX-License-Identifier: Apache-2.0
// GPU schedule of generators/generated_guided_conv2d.cpp.
#include "schedules/cuda/guided.h"
#include "schedules/cuda/register_tiles.h"

// Without softmax a tap is used where it is generated: for the tile of a thread, in registers beside its sums.
SLUICE_SCHEDULE(cuda, generated_guided_conv2d, forward) {
  if (plan.variants.at("softmax") == "taps") return sluice::launch_guided(plan, {"kernels", "tap_max"});
  const sluice::RegisterTile tile{4, 2};
  sluice::launch_register_tiles(plan, tile);
  Halide::Func &sum = plan.stages["sum"], &kernels = plan.stages["kernels"];
  const std::vector<Halide::Var> axes = kernels.args();  // c, kx, ky, x, y, n
  kernels.compute_at(sum, sum.rvars()[0]);
  sluice::keep_tile(kernels, axes[0], axes[3], tile);
}
SLUICE_SCHEDULE(cuda, generated_guided_conv2d, backward) { sluice::launch_every_gradient(plan); }
