// SPDX-License-Identifier: Apache-2.0
// How layers without a sum are computed on a CPU.
#pragma once
#include "generators/layer.h"

namespace sluice {

// Rows in parallel; vectors along channels where there are enough of them, else along the row.
inline void compute_pointwise(Plan &plan) {
  using namespace Halide;
  const Var c("c"), x("x"), y("y"), n("n"), row("row");
  Func &output = plan.stages["output"];
  for (const auto &entry : plan.stages.all()) {
    if (entry.first != "output") Func(entry.second).compute_root();
  }
  output.fuse(y, n, row).parallel(row, 8, TailStrategy::GuardWithIf);
  const OutputImageParam buffer = output.output_buffer();
  output.specialize(buffer.dim(0).extent() >= plan.lanes()).vectorize(c, plan.lanes(), TailStrategy::GuardWithIf);
  output.reorder(x, c, row).vectorize(x, plan.lanes(), TailStrategy::GuardWithIf);
}

}  // namespace sluice
