// SPDX-License-Identifier: Apache-2.0
// Which loops of a definition may be spread over threads.
#pragma once
#include <vector>

#include "Halide.h"

namespace sluice {

// The axes that an update names as they are. Those that it reduces or places by an expression have to stay in order, so
// that an element's sum is the same whatever computes it.
inline std::vector<Halide::Var> plain_axes(const Halide::Func &stage, int update) {
  std::vector<Halide::Var> plain;
  const std::vector<Halide::Var> axes = stage.args();
  const std::vector<Halide::Expr> places = stage.update_args(update);
  for (size_t d = 0; d < axes.size(); d++) {
    const auto *variable = places[d].as<Halide::Internal::Variable>();
    if (variable != nullptr && variable->name == axes[d].name()) plain.push_back(axes[d]);
  }
  return plain;
}

}  // namespace sluice
