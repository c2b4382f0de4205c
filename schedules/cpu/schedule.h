// SPDX-License-Identifier: Apache-2.0
// What every CPU schedule may use.
#pragma once
#include <algorithm>
#include <vector>

#include "generators/layer.h"

namespace sluice {

// The loops of a definition: its outer axes in parallel, its innermost one in vectors. Axes that an update reduces or
// places by an expression stay as they are, so that an element's sum has one order whatever thread it is on.
inline void spread(Halide::Stage stage, const std::vector<Halide::Var> &axes, const Plan &plan) {
  using namespace Halide;
  constexpr size_t kPicture = 3;  // smaller ones are not worth a task
  if (axes.size() < kPicture) return;
  const Var row("row");
  stage.vectorize(axes[0], plan.lanes(), TailStrategy::GuardWithIf);
  stage.fuse(axes[axes.size() - 2], axes.back(), row).parallel(row);
}

// Backward, plain: every stage stored once.
inline void store_every_stage(Plan &plan) {
  using namespace Halide;
  for (const auto &list : {plan.stages.all(), plan.gradients.all()}) {
    for (const auto &entry : list) {
      Func stage(entry.second);
      stage.compute_root();
      const std::vector<Var> axes = stage.args();
      spread(stage, axes, plan);
      for (int u = 0; u < stage.num_update_definitions(); u++) {
        const std::vector<Expr> places = stage.update_args(u);
        const bool pure = std::all_of(places.begin(), places.end(), [&](const Expr &place) {
          const auto *variable = place.as<Internal::Variable>();
          return variable != nullptr && !variable->reduction_domain.defined();
        });
        if (pure) spread(stage.update(u), axes, plan);
      }
    }
  }
}

}  // namespace sluice
