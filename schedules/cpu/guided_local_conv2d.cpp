// SPDX-License-Identifier: Apache-2.0
// CPU schedule of generators/guided_local_conv2d.cpp: the kernels are read once; vectors of input channels, or along
// the row where there are fewer than a vector of them.
#include "schedules/cpu/schedule.h"

using namespace Halide;

namespace {

const Var c("c"), x("x"), y("y"), n("n"), i("i"), xi("xi"), lane("lane"), task("task");

void sum_along_rows(sluice::Plan &plan) {
  const int lanes = plan.lanes();
  for (const char *name : {"tap_max", "unnormalised", "tap_sum", "sum"}) {
    if (!plan.stages.has(name)) continue;
    Func &stage = plan.stages[name];
    stage.compute_at(plan.stages["output"], x).bound_extent(x, lanes).vectorize(x, lanes).store_in(MemoryType::Stack);
    if (!stage.has_update_definition()) continue;
    std::vector<VarOrRVar> order{x};
    if (std::string(name) != "sum") order.push_back(i);
    for (const RVar &r : stage.rvars()) order.push_back(r);
    stage.update().reorder(order).vectorize(x, lanes);
  }
}

void sum_along_channels(sluice::Plan &plan) {
  const int lanes = plan.lanes();
  Func &partial = plan.stages["partial"], &total = plan.stages["total"];
  total.compute_at(plan.stages["output"], xi).update().atomic().vectorize(total.rvars()[0], lanes);
  partial.compute_at(plan.stages["output"], xi).vectorize(lane, lanes).update().vectorize(lane, lanes);
}

}  // namespace

SLUICE_SCHEDULE(cpu, guided_local_conv2d, forward) {
  Func &output = plan.stages["output"];
  output.split(x, x, xi, plan.lanes(), TailStrategy::GuardWithIf)
      .reorder(xi, x, c, y, n)
      .fuse(y, n, task)
      .parallel(task);
  if (plan.stages.has("many")) {
    output.specialize(plan.stages["many"].value());
    sum_along_channels(plan);
  }
  output.vectorize(xi);
  sum_along_rows(plan);
  for (const char *table : {"column", "row", "offset"}) plan.stages[table].compute_root();
}
SLUICE_SCHEDULE(cpu, guided_local_conv2d, backward) { sluice::store_every_stage(plan); }
