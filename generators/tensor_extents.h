// SPDX-License-Identifier: Apache-2.0
// Extents of outputs that are like an input.
#pragma once
#include "layer.h"

namespace sluice {

inline std::vector<Halide::Expr> tensor_extents(const Operand &like) {
  const auto &e = like.extent;
  return {e.at("c"), e.at("x"), e.at("y"), e.at("n")};
}

}  // namespace sluice
