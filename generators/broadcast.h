// SPDX-License-Identifier: Apache-2.0
// Reading an operand of extent 1 along an axis as if it had any extent.
#pragma once
#include "layer.h"

namespace sluice {

// Adds stages <port>_has_channels, which nothing calls: their values are conditions that schedules specialise for.
class Broadcast {
 public:
  Broadcast(const Context &in, Stages &stages, const std::string &port) : operand_(in[port]) {
    stages.add(port + "_has_channels")() = operand_.extent.at("c") > 1;
  }

  // Multiplying by 0 keeps the index affine, so that the gradient of a broadcast axis is a sum over it.
  Halide::Expr operator()(const Halide::Expr &c, const Halide::Expr &x, const Halide::Expr &y,
                          const Halide::Expr &n) const {
    const auto step = [&](const char *axis) { return Halide::select(operand_.extent.at(axis) > 1, 1, 0); };
    return operand_(c * step("c"), x * step("x"), y * step("y"), n * step("n"));
  }

 private:
  const Operand &operand_;
};

// Extents (c, x, y, n) of the result of combining two such operands.
inline std::vector<Halide::Expr> broadcast_extents(const Operand &a, const Operand &b) {
  std::vector<Halide::Expr> extents;
  for (const char *axis : {"c", "x", "y", "n"}) extents.push_back(Halide::max(a.extent.at(axis), b.extent.at(axis)));
  return extents;
}

}  // namespace sluice
