// SPDX-License-Identifier: Apache-2.0
// Random bits by counter, made normal by the inverse of the distribution function.
#include "runtime/noise.h"

#include <cmath>
#include <cstddef>

namespace sluice {
namespace {

// Wichura 1988: numerators and denominators, highest power first, for the middle and the two parts of the tails.
using Coefficients = std::array<double, 8>;
constexpr Coefficients kMiddleAbove = {2509.0809287301226727, 33430.575583588128105, 67265.770927008700853,
                                       45921.953931549871457, 13731.693765509461125, 1971.5909503065514427,
                                       133.14166789178437745, 3.3871328727963666080};
constexpr Coefficients kMiddleBelow = {
    5226.4952788528545610, 28729.085735721942674, 39307.895800092710610, 21213.794301586595867,
    5394.1960214247511077, 687.18700749205790830, 42.313330701600911252, 1.0};
constexpr Coefficients kTailAbove = {7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
                                     1.27045825245236838258,    3.64784832476320460504,    5.76949722146069140550,
                                     4.63033784615654529590,    1.42343711074968357734};
constexpr Coefficients kTailBelow = {
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
    6.89767334985100004550e-1, 1.67638483018380384940,    2.05319162663775882187,    1.0};
constexpr Coefficients kFarAbove = {2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
                                    2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580,
                                    5.46378491116411436990,    6.65790464350110377720};
constexpr Coefficients kFarBelow = {
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
    1.48753612908506148525e-2,  1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0};

double polynomial(const Coefficients &coefficients, double x) {
  double sum = 0;
  for (const double coefficient : coefficients) sum = std::fma(sum, x, coefficient);
  return sum;
}

// The natural logarithm of 0 < x < 1 by ln(m 2^e) = e ln 2 + 2 (s + s^3/3 + s^5/5 + ...), s = (m - 1) / (m + 1),
// 0.7 <= m < 1.42: s^2 < 0.0295, so twelve terms leave less than 2^-60.
double natural_logarithm(double x) {
  constexpr double kLn2 = 0.693147180559945309417, kHalfRoot = 0.707106781186547524401;
  constexpr int kLastPower = 23;
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < kHalfRoot) {
    mantissa *= 2;
    exponent--;
  }
  const double s = (mantissa - 1) / (mantissa + 1);
  const double square = s * s;
  double sum = 0;
  for (int power = kLastPower; power >= 1; power -= 2) sum = std::fma(sum, square, 1.0 / power);
  return std::fma(exponent, kLn2, 2 * s * sum);
}

uint32_t low(uint64_t value) { return static_cast<uint32_t>(value); }
uint32_t high(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

}  // namespace

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  constexpr int kRounds = 10;
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < kRounds; round++) {
    const uint64_t product0 = kMultiplier0 * counter[0], product1 = kMultiplier1 * counter[2];
    counter = {high(product1) ^ counter[1] ^ key[0], low(product1), high(product0) ^ counter[3] ^ key[1],
               low(product0)};
    key = {key[0] + kWeyl0, key[1] + kWeyl1};
  }
  return counter;
}

double normal_quantile(double probability) {
  constexpr double kMiddle = 0.425, kMiddleSquare = 0.180625, kTailShift = 1.6, kFar = 5;
  const double q = probability - 0.5;
  if (std::fabs(q) <= kMiddle) {
    const double r = std::fma(-q, q, kMiddleSquare);
    return q * polynomial(kMiddleAbove, r) / polynomial(kMiddleBelow, r);
  }
  const double r = std::sqrt(-natural_logarithm(q < 0 ? probability : 1 - probability));
  const double size = r <= kFar ? polynomial(kTailAbove, r - kTailShift) / polynomial(kTailBelow, r - kTailShift)
                                : polynomial(kFarAbove, r - kFar) / polynomial(kFarBelow, r - kFar);
  return q < 0 ? -size : size;
}

double uniform_number(uint64_t seed, uint64_t stream, uint64_t index) {
  constexpr int kDroppedBits = 12;  // 64 - 52
  constexpr double kStep = 0x1p-53;
  const uint64_t block = index / 2;
  const auto words = philox4x32({low(block), high(block), low(stream), high(stream)}, {low(seed), high(seed)});
  const size_t first = index % 2 * 2;
  const uint64_t bits = (uint64_t{words[first + 1]} << 32 | words[first]) >> kDroppedBits;
  return static_cast<double>(2 * bits + 1) * kStep;
}

double normal_number(uint64_t seed, uint64_t stream, uint64_t index) {
  return normal_quantile(uniform_number(seed, stream, index));
}

}  // namespace sluice
