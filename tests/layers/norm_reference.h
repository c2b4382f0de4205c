// SPDX-License-Identifier: Apache-2.0
// Normalisation in plain loops.
#pragma once
#include <functional>

#include "tests/layers/layer_cases.h"

namespace sluice::testing {

// Which set of values element (n, c) is normalised with.
using NormSet = std::function<size_t(size_t n, size_t c)>;

// Mean and biased variance of each of `count` sets of an array n c ...
template <typename T>
struct SetStatistics {
  std::vector<T> mean, variance;
  std::vector<double> values;

  SetStatistics(const Array<T> &array, size_t count, const NormSet &set) : mean(count), variance(count), values(count) {
    each(array, set, [&](size_t s, const T &v) { mean[s] += v, values[s] += 1; });
    for (size_t s = 0; s < count; s++) mean[s] /= values[s];
    each(array, set, [&](size_t s, const T &v) { variance[s] += (v - mean[s]) * (v - mean[s]) / values[s]; });
  }

 private:
  template <typename Visit>
  static void each(const Array<T> &array, const NormSet &set, Visit visit) {
    const auto channels = static_cast<size_t>(array.shape[1]);
    const size_t space = array.values.size() / (channels * static_cast<size_t>(array.shape[0]));
    for (size_t i = 0; i < array.values.size(); i++)
      visit(set(i / space / channels, i / space % channels), array.values[i]);
  }
};

// eps as a kernel gets it.
inline double norm_eps(const Attributes &a) { return static_cast<double>(static_cast<float>(a.real("eps", 1e-5))); }

// (v - mean) / sqrt(variance + eps) * weight + bias; weight and bias are those of factor(n, c), none where empty.
template <typename T>
Array<T> normalised(const Attributes &a, const Operands<T> &in, const std::vector<T> &mean,
                    const std::vector<T> &variance, const NormSet &set, const NormSet &factor) {
  using std::sqrt;
  Array<T> output = in.at("input");
  const auto channels = static_cast<size_t>(output.shape[1]);
  const size_t space = output.values.size() / (channels * static_cast<size_t>(output.shape[0]));
  const auto weight = in.find("weight"), bias = in.find("bias");
  for (size_t i = 0; i < output.values.size(); i++) {
    const size_t n = i / space / channels, c = i / space % channels, s = set(n, c), f = factor(n, c);
    T &v = output.values[i];
    v = (v - mean[s]) / sqrt(variance[s] + T(norm_eps(a)));
    if (weight != in.end()) v = v * weight->second.values[f] + bias->second.values[f];
  }
  return output;
}

}  // namespace sluice::testing
