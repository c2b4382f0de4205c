// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/guided_channelwise_conv2d.cpp: the kernels are read once, a tile of pixels at a time;
// vectors of channels, or along the row where there are fewer than a vector of them.
#include "schedules/cpu/schedule.h"

using namespace Halide;

namespace {

const Var c("c"), x("x"), y("y"), n("n"), k("k"), ci("ci"), xi("xi"), yi("yi"), task("task");

// Stages of one tile. `along` is the dimension of the vectors.
void hold_tile(sluice::Plan &plan, const std::string &prefix, const Var &along) {
  const int lanes = plan.lanes();
  const Var other = along.same_as(c) ? x : c;
  for (const char *name : {"tap_max", "tap_sum", "sum", "unnormalised"}) {
    if (!plan.stages.has(prefix + name)) continue;
    Func &stage = plan.stages[prefix + name];
    stage.compute_at(plan.stages["output"], c).bound_extent(x, lanes).vectorize(along, lanes);
    if (along.same_as(c)) {
      stage.bound_extent(c, lanes).align_bounds(c, lanes);
    } else {
      stage.bound_storage(c, lanes);
    }
    if (!stage.has_update_definition()) {
      stage.store_in(MemoryType::Stack);
      continue;
    }
    std::vector<VarOrRVar> order{along, other};
    if (!along.same_as(c)) order.pop_back();
    for (const RVar &r : stage.rvars()) order.push_back(r);
    stage.update().reorder(order).vectorize(along, lanes);
    if (along.same_as(c)) stage.unroll(x).update().unroll(x);
  }
}

}  // namespace

SLUICE_SCHEDULE(cpu, guided_channelwise_conv2d, forward) {
  const int lanes = plan.lanes();
  Func &output = plan.stages["output"];
  output.split(c, c, ci, lanes, TailStrategy::GuardWithIf)
      .split(x, x, xi, lanes, TailStrategy::GuardWithIf)
      .split(y, y, yi, plan.tuned("tile_y"), TailStrategy::GuardWithIf)
      .reorder(ci, xi, c, x, yi, y, n)
      .fuse(y, n, task)
      .parallel(task);
  output.specialize(plan.stages["many"].value()).vectorize(ci);
  output.reorder(xi, ci).vectorize(xi);
  for (const char *table : {"column", "row", "offset"}) {
    if (plan.stages.has(table)) plan.stages[table].compute_root();
  }
  hold_tile(plan, "", c);
  hold_tile(plan, "few_", x);
}
SLUICE_SCHEDULE(cpu, guided_channelwise_conv2d, backward) { sluice::store_every_stage(plan); }
