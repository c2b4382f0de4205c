// SPDX-License-Identifier: Apache-2.0
// How the convolutions whose kernels are tensors are computed on a GPU.
#pragma once
#include <algorithm>

#include "schedules/cuda/schedule.h"

namespace sluice {

// The stages `stored` are stored once. One thread an output element, whose sums are its own.
inline void launch_guided(Plan &plan, const std::vector<std::string> &stored = {}) {
  using namespace Halide;
  const Var thread("thread");
  Func &output = plan.stages["output"];
  launch_tiles(output, thread);
  if (plan.stages.has("many")) output.specialize(plan.stages["many"].value());
  for (const auto &entry : plan.stages.all()) {
    Func stage = entry.second;
    if (std::find(stored.begin(), stored.end(), entry.first) != stored.end()) {
      launch_stored(stage);
    } else if (stage.has_update_definition()) {
      stage.compute_at(output, thread);
    }
  }
}

}  // namespace sluice
