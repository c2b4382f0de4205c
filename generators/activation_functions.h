// SPDX-License-Identifier: Apache-2.0
// Pointwise nonlinearities as Halide expressions, in forms that vectorise: tanh and sigmoid through exp, because
// Halide calls the scalar library for tanh (40 times slower).
#pragma once
#include <stdexcept>
#include <string>
#include <vector>

#include "layer.h"

namespace sluice {

constexpr float kLargestExponent = 44;  // of e: the square of the result is a finite number, too

// e^v where it is a finite number whose square is one too: derivatives divide by the square of 1 + e^v.
inline Halide::Expr finite_exp(const Halide::Expr &v) {
  return Halide::exp(Halide::min(v, Halide::Internal::make_const(v.type(), kLargestExponent)));
}

// e^v for -86 <= v <= 88, at most 2e-7 of it away, in half the instructions of Halide's exp, which takes every v: a
// power of two, added to the exponent of e^r as the polynomial of degree 5 with the least relative error for |r| <=
// ln(2) / 2.
inline Halide::Expr short_exp(const Halide::Expr &v) {
  using Halide::Expr;
  constexpr float kPowers = 1.44269504f, kPower = 0.693147181f;  // of two in e; ln(2)
  constexpr int kExponent = 1 << 23;
  const Expr power = Halide::round(v * kPowers), r = v - power * kPower;
  Expr sum = 0.00829027221f;
  for (const float coefficient : {0.0418981612f, 0.166676387f, 0.499991477f, 0.999999702f, 1.0f})
    sum = sum * r + coefficient;
  return Halide::reinterpret<float>(Halide::reinterpret<int>(sum) + Halide::cast<int>(power) * kExponent);
}

// e^v with v taken for `most` where it is above, for outputs. What is differentiated and GPUs have Halide's exp.
inline Halide::Expr bounded_exp(const Halide::Expr &v, float most, const Context &in) {
  const Halide::Expr bounded = Halide::min(v, Halide::Internal::make_const(v.type(), most));
  if (in.backward || in.device || v.type() != Halide::Float(32)) return Halide::exp(bounded);
  return short_exp(Halide::max(bounded, -86.0f));
}

// 1 / (1 + e^-v); below -44, where that is 8e-20, as there
inline Halide::Expr sigmoid(const Halide::Expr &v, const Context &in) {
  const Halide::Expr one = Halide::Internal::make_one(v.type());
  return one / (one + bounded_exp(-v, kLargestExponent, in));
}

// Activations that share a kernel, as the attribute's built values. ELU has alpha 1.
inline std::vector<std::string> activation_families() { return {"none+relu+leaky_relu", "elu", "tanh+sigmoid"}; }

// f(v) for the member `activation_kind` of a family. Ties at a kink take the gradient of the negative side, so
// relu'(0) = 0.
inline Halide::Expr activate(const std::string &family, const Halide::Expr &v, const Context &in) {
  using Halide::select;
  const Halide::Expr zero = Halide::Internal::make_zero(v.type()), one = Halide::Internal::make_one(v.type());
  if (family == "elu") return select(v > zero, v, bounded_exp(v, 0, in) - one);
  if (family == "tanh") return one - (one + one) / (one + bounded_exp(v + v, kLargestExponent, in));
  if (family == "hardtanh") return select(v > one, one, v < -one, -one, v);
  const Halide::Expr kind = in.scalar("activation_kind");
  if (family == "tanh+sigmoid") {
    const Halide::Expr is_tanh = kind == 0, s = sigmoid(select(is_tanh, v + v, v), in);
    return select(is_tanh, s + s - one, s);
  }
  if (family != "none+relu+leaky_relu") throw std::runtime_error("unknown activations '" + family + "'");
  return select(v > zero || kind == 0, v, kind == 1, zero, in.scalar("negative_slope") * v);
}

}  // namespace sluice
