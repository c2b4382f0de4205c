// SPDX-License-Identifier: Apache-2.0
// What every CPU schedule may use.
#pragma once
#include <algorithm>
#include <vector>

#include "generators/layer.h"
#include "schedules/plain_axes.h"

namespace sluice {

// The loops over `axes`, plain ones: the last two in parallel, a first one in vectors.
inline void spread(Halide::Stage stage, std::vector<Halide::Var> axes, const Halide::Var &innermost, const Plan &plan) {
  using namespace Halide;
  const Var row("row"), vectors("vectors");
  const bool dense = !axes.empty() && axes.front().same_as(innermost);
  if (dense) axes.erase(axes.begin());
  if (dense && axes.size() < 2) {
    stage.split(innermost, vectors, innermost, plan.lanes(), TailStrategy::GuardWithIf).vectorize(innermost);
    stage.parallel(vectors);
    return;
  }
  if (dense) stage.vectorize(innermost, plan.lanes(), TailStrategy::GuardWithIf);
  if (axes.size() >= 2) stage.fuse(axes[axes.size() - 2], axes.back(), row).parallel(row);
}

// Backward, plain: every stage stored once.
inline void store_every_stage(Plan &plan) {
  using namespace Halide;
  constexpr size_t kPicture = 3;  // axes; smaller stages are not worth a task
  for (const auto &list : {plan.stages.all(), plan.gradients.all()}) {
    for (const auto &entry : list) {
      Func stage(entry.second);
      stage.compute_root();
      const std::vector<Var> axes = stage.args();
      if (axes.size() < kPicture) continue;
      spread(stage, axes, axes[0], plan);
      for (int u = 0; u < stage.num_update_definitions(); u++) {
        stage.update(u).unscheduled();
        spread(stage.update(u), plain_axes(stage, u), axes[0], plan);
      }
    }
  }
}

}  // namespace sluice
