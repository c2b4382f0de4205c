// SPDX-License-Identifier: Apache-2.0
// Pointwise nonlinearities as Halide expressions, in forms that vectorise: tanh and sigmoid through exp, because
// Halide calls the scalar library for tanh (40 times slower).
#pragma once
#include <stdexcept>
#include <string>
#include <vector>

#include "layer.h"

namespace sluice {

// e^v where it is a finite number whose square is one too: derivatives divide by the square of 1 + e^v.
inline Halide::Expr finite_exp(const Halide::Expr &v) {
  constexpr double kLargest = 44;
  return Halide::exp(Halide::min(v, Halide::Internal::make_const(v.type(), kLargest)));
}

// 1 / (1 + e^-v); below -44, where that is 8e-20, as there
inline Halide::Expr sigmoid(const Halide::Expr &v) {
  const Halide::Expr one = Halide::Internal::make_one(v.type());
  return one / (one + finite_exp(-v));
}

// Activations that share a kernel, as the attribute's built values. ELU has alpha 1.
inline std::vector<std::string> activation_families() { return {"none+relu+leaky_relu", "elu", "tanh+sigmoid"}; }

// f(v) for the member `activation_kind` of a family. Ties at a kink take the gradient of the negative side, so
// relu'(0) = 0.
inline Halide::Expr activate(const std::string &family, const Halide::Expr &v, const Context &in) {
  using Halide::select;
  const Halide::Expr zero = Halide::Internal::make_zero(v.type()), one = Halide::Internal::make_one(v.type());
  if (family == "elu") return select(v > zero, v, Halide::exp(Halide::min(v, zero)) - one);
  if (family == "tanh") return one - (one + one) / (one + finite_exp(v + v));
  if (family == "hardtanh") return select(v > one, one, v < -one, -one, v);
  const Halide::Expr kind = in.scalar("activation_kind");
  if (family == "tanh+sigmoid") {
    const Halide::Expr is_tanh = kind == 0, s = sigmoid(select(is_tanh, v + v, v));
    return select(is_tanh, s + s - one, s);
  }
  if (family != "none+relu+leaky_relu") throw std::runtime_error("unknown activations '" + family + "'");
  return select(v > zero || kind == 0, v, kind == 1, zero, in.scalar("negative_slope") * v);
}

}  // namespace sluice
