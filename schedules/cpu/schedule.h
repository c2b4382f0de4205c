// SPDX-License-Identifier: Apache-2.0
// What every CPU schedule may use.
#pragma once
#include "generators/layer.h"

namespace sluice {

// Backward, plain: every stage stored once. Correct, not yet tuned.
inline void store_every_stage(Plan &plan) {
  for (const auto &list : {plan.stages.all(), plan.gradients.all()}) {
    for (const auto &entry : list) Halide::Func(entry.second).compute_root();
  }
}

}  // namespace sluice
