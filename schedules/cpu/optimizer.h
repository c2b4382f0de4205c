// SPDX-License-Identifier: Apache-2.0
// How optimisers are computed on a CPU: rows in parallel, and a row of every output before the next, while what they
// read is in the cache.
#pragma once
#include "generators/layer.h"

namespace sluice {

inline void update_in_rows(Plan &plan) {
  using namespace Halide;
  const Var c("c"), x("x"), y("y"), n("n"), row("row");
  Func &first = plan.stages["new_parameter"];
  for (auto [name, stage] : plan.stages.all()) {
    if (stage.dimensions() == 0) {
      stage.compute_root();
      continue;
    }
    stage.fuse(y, n, row).parallel(row).vectorize(c, plan.lanes(), TailStrategy::GuardWithIf);
    if (name != "new_parameter") stage.compute_with(first, row);
  }
}

}  // namespace sluice
