// SPDX-License-Identifier: Apache-2.0
#include "runtime/training/initialisation.h"

#include <algorithm>
#include <cmath>

#include "runtime/noise.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr double kCut = 2;                              // deviations
constexpr double kBelowCut = 0.022750131948179207;      // of a standard normal variable
constexpr double kVarianceInside = 0.7737413035499232;  // 1 - 2 a f(a) / (1 - 2 F(-a)), a = 2

double positive(double value, const char *what) {
  if (value > 0 && std::isfinite(value)) return value;
  throw Error(ErrorCode::usage, std::string("initialisation: ") + what + " must be a positive number");
}

// d * E[e^2]
double head_sum(const GeneratedWeight &weight) {
  return positive(weight.terms, "the number of terms") * positive(weight.mean_square, "the mean square");
}

double standard_number(Distribution distribution, double u) {
  if (distribution == Distribution::normal) return normal_quantile(u);
  if (distribution == Distribution::uniform) return std::sqrt(3.0) * (2 * u - 1);
  const double inside = normal_quantile(std::fma(u, 1 - 2 * kBelowCut, kBelowCut));
  return std::clamp(inside, -kCut, kCut) / std::sqrt(kVarianceInside);
}

}  // namespace

Fan fan_of(const std::vector<int64_t> &shape) {
  if (shape.size() < 2) throw Error(ErrorCode::usage, "initialisation: a weight has two dimensions or more");
  double taps = 1;
  for (size_t d = 2; d < shape.size(); d++) taps *= static_cast<double>(shape[d]);
  return {static_cast<double>(shape[1]) * taps, static_cast<double>(shape[0]) * taps};
}

double squared_gain(const std::string &activation, double negative_slope) {
  if (activation == "none" || activation == "linear" || activation == "sigmoid") return 1;
  if (activation == "relu" || activation == "elu") return 2;
  if (activation == "leaky_relu") return 2 / (1 + negative_slope * negative_slope);
  if (activation == "tanh") return 25.0 / 9;
  throw Error(ErrorCode::usage, "initialisation: no gain is known for activation '" + activation + "'");
}

double kaiming_variance(double fan_in, double squared_gain) { return squared_gain / positive(fan_in, "fan_in"); }

double glorot_variance(const Fan &fan, double squared_gain) {
  return squared_gain * 2 / positive(fan.in + fan.out, "fan_in + fan_out");
}

double guidenet_variance(double fan_in) { return kVarianceInside * 1.3 * kaiming_variance(fan_in, 2); }

double hyperfan_in_variance(const GeneratedWeight &weight) {
  const double shared = weight.bias_generated ? 2 : 1;
  return weight.squared_gain / (shared * positive(weight.main.in, "fan_in") * head_sum(weight));
}

double hyperfan_out_variance(const GeneratedWeight &weight) {
  return weight.squared_gain / (positive(weight.main.out, "fan_out") * head_sum(weight));
}

double hyperfan_in_bias_variance(const GeneratedWeight &weight) { return weight.squared_gain / (2 * head_sum(weight)); }

double hyperfan_out_bias_variance(const GeneratedWeight &weight) {
  const double left = 1 - weight.main.in / positive(weight.main.out, "fan_out");
  return std::max(0.0, weight.squared_gain * left) / head_sum(weight);
}

Fan guided_fan(GuidedKind kind, int64_t inputs, int64_t outputs, int64_t taps) {
  const auto i = static_cast<double>(inputs), o = static_cast<double>(outputs), k = static_cast<double>(taps);
  if (kind == GuidedKind::local) return {i * k, o * k};
  if (kind == GuidedKind::channelwise) return {k, k};
  return {i, o};
}

GeneratedWeight guided_weight(const Fan &main, int64_t guidance_channels, int64_t generation_taps, double mean_square) {
  GeneratedWeight weight;
  weight.main = main;
  weight.terms = static_cast<double>(guidance_channels) * static_cast<double>(generation_taps);
  weight.mean_square = mean_square;
  return weight;
}

void fill_random(std::span<float> values, Distribution distribution, double variance, uint64_t seed, uint64_t stream) {
  if (!(variance >= 0) || !std::isfinite(variance))
    throw Error(ErrorCode::usage, "initialisation: a variance must be a number from 0");
  const double deviation = std::sqrt(variance);
  for (size_t i = 0; i < values.size(); i++)
    values[i] = static_cast<float>(deviation * standard_number(distribution, uniform_number(seed, stream, i)));
}

uint64_t stream_of(const std::string &name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace sluice
