// SPDX-License-Identifier: Apache-2.0
// Pointwise nonlinearities as Halide expressions, in forms that vectorise: tanh and sigmoid through exp, because
// Halide calls the scalar library for tanh (40 times slower).
#pragma once
#include <stdexcept>
#include <string>

#include "Halide.h"

namespace sluice {

// 1 / (1 + e^-v)
inline Halide::Expr sigmoid(const Halide::Expr &v) {
  const Halide::Expr one = Halide::Internal::make_one(v.type());
  return one / (one + Halide::exp(-v));
}

// `name` is the graph's word: none, elu (alpha 1), relu, leaky_relu, tanh, sigmoid, hardtanh. Ties at a kink take the
// gradient of the negative side, so relu'(0) = 0.
inline Halide::Expr activate(const std::string &name, const Halide::Expr &v, const Halide::Expr &negative_slope) {
  using Halide::select;
  const Halide::Expr zero = Halide::Internal::make_zero(v.type()), one = Halide::Internal::make_one(v.type());
  if (name == "none") return v;
  if (name == "elu") return select(v > zero, v, Halide::exp(Halide::min(v, zero)) - one);
  if (name == "relu") return select(v > zero, v, zero);
  if (name == "leaky_relu") return select(v > zero, v, negative_slope * v);
  if (name == "tanh") return one - (one + one) / (one + Halide::exp(v + v));
  if (name == "sigmoid") return sigmoid(v);
  if (name == "hardtanh") return select(v > one, one, v < -one, -one, v);
  throw std::runtime_error("unknown activation '" + name + "'");
}

}  // namespace sluice
