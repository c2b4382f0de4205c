// SPDX-License-Identifier: Apache-2.0
// How optimisers are computed on a GPU: one thread an element of each output. What is the same for all elements is
// computed by the host, which has doubles.
#pragma once
#include "schedules/cuda/schedule.h"

namespace sluice {

inline void update_every_element(Plan &plan) {
  for (auto [name, stage] : plan.stages.all()) {
    stage.compute_root();
    if (stage.dimensions() > 0) launch(stage, stage.args());
  }
}

}  // namespace sluice
