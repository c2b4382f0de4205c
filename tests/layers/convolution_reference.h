// SPDX-License-Identifier: Apache-2.0
// Convolution in plain loops, and what float32 may be off by.
#pragma once
#include <algorithm>

#include "tests/layers/layer_cases.h"

namespace sluice::testing {

struct ConvolutionGeometry {
  int64_t stride, upsample, dilation_h, dilation_w, top, left, height, width;

  ConvolutionGeometry(const Attributes &a, const std::vector<int64_t> &input, const std::vector<int64_t> &weight)
      : stride(a.integer("stride", 1)),
        upsample(a.integer("upsample", 1)),
        dilation_h(a.integer("dilation", 1, 0)),
        dilation_w(a.integer("dilation", 1, 1)) {
    along(a, input[2] * upsample, (weight[2] - 1) * dilation_h + 1, 0, top, height);
    along(a, input[3] * upsample, (weight[3] - 1) * dilation_w + 1, 2, left, width);
  }

 private:
  void along(const Attributes &a, int64_t size, int64_t reach, size_t side, int64_t &before, int64_t &extent) const {
    if (a.word("padding", "0") == "same") {
      extent = (size + stride - 1) / stride;
      before = std::max<int64_t>((extent - 1) * stride + reach - size, 0) / 2;
    } else {
      before = a.integer("padding", 0, side);
      extent = (size + before + a.integer("padding", 0, side + 1) - reach) / stride + 1;
    }
  }
};

template <typename T>
Array<T> convolve(const Attributes &a, const Array<T> &input, const Array<T> &weight, const Array<T> &bias) {
  const ConvolutionGeometry g(a, input.shape, weight.shape);
  Array<T> output({input.shape[0], weight.shape[0], g.height, g.width});
  for (int64_t n = 0; n < output.shape[0]; n++) {
    for (int64_t o = 0; o < output.shape[1]; o++) {
      for (int64_t y = 0; y < g.height; y++) {
        for (int64_t x = 0; x < g.width; x++) {
          T sum = bias.values.empty() ? T(0) : bias.values[static_cast<size_t>(o)];
          for (int64_t i = 0; i < weight.shape[1]; i++) {
            for (int64_t ky = 0; ky < weight.shape[2]; ky++) {
              const int64_t v = y * g.stride + ky * g.dilation_h - g.top;
              for (int64_t kx = 0; kx < weight.shape[3]; kx++) {
                const int64_t u = x * g.stride + kx * g.dilation_w - g.left;
                if (u < 0 || v < 0) continue;
                sum += weight.at(o, i, ky, kx) * input.padded(n, i, v / g.upsample, u / g.upsample);
              }
            }
          }
          output.at(n, o, y, x) = sum;
        }
      }
    }
  }
  return output;
}

inline Array<double> magnitudes(Array<double> array) {
  for (double &value : array.values) value = std::fabs(value);
  return array;
}

// 8 units of 2^-24 * sum of magnitudes, plus an ulp.
inline Array<double> convolution_bound(const Attributes &a, const Array<double> &input, const Array<double> &weight,
                                       const Array<double> &bias) {
  Array<double> bound = convolve(a, magnitudes(input), magnitudes(weight), magnitudes(bias));
  const Array<double> value = convolve(a, input, weight, bias);
  for (size_t i = 0; i < bound.values.size(); i++)
    bound.values[i] = 8 * kUnit * bound.values[i] + 2 * kUnit * std::fabs(value.values[i]);
  return bound;
}

}  // namespace sluice::testing
