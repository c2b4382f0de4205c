// SPDX-License-Identifier: Apache-2.0
// How the norm layers are computed on a GPU: a launch for the moments of rows, two for each union of them, which read
// what the one before left, one for the pointwise rest.
#pragma once
#include "schedules/cuda/schedule.h"

namespace sluice {

// The moments of every union there is.
inline void launch_moments(Plan &plan) {
  const Stages &stages = plan.stages;
  if (stages.has("row")) launch_with_sums(plan, "row", {"row_total", "row_center", "row_deviation"});
  for (const std::string part : {"plane", "batch", "group"}) {
    if (!stages.has(part + "_total")) continue;
    launch_with_sums(plan, part + "_mean", {part + "_total"});
    launch_with_sums(plan, part + "_square", {part + "_deviation"});
  }
}

// What is left is inlined, but for the quotient of every channel.
inline void launch_norm(Plan &plan) {
  Stages &stages = plan.stages;
  launch_moments(plan);
  if (stages.has("group_scale")) {
    launch_stored(stages["group_scale"]);
    launch_with_sums(plan, "center", {"group_mean_of"});
    launch_with_sums(plan, "gain", {"group_scale_of"});
  } else {
    launch_stored(stages["gain"]);
  }
  launch(stages["output"], stages["output"].args());
}

}  // namespace sluice
