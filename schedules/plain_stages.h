// SPDX-License-Identifier: Apache-2.0
// How a kernel of one stage of a layer is computed, whatever the layer: every stage stored once.
#pragma once
#include <map>
#include <string>

#include "schedules/cuda/schedule.h"

namespace sluice {

inline void store_plainly(const std::map<std::string, Halide::Func> &stages, bool device) {
  for (const auto &[name, func] : stages) {
    Halide::Func stage = func;
    if (device) {
      launch_stored(stage);
    } else {
      stage.compute_root();
    }
  }
}

}  // namespace sluice
