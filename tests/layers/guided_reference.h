// SPDX-License-Identifier: Apache-2.0
// Convolutions whose kernels are tensors, in plain loops. Taps are row-major over the kernel.
#pragma once
#include "tests/layers/convolution_reference.h"

namespace sluice::testing {

struct TapWindow {
  int64_t kernel_h, kernel_w;
  ConvolutionGeometry geometry;

  TapWindow(const Attributes &a, const std::vector<int64_t> &input)
      : kernel_h(a.integer("kernel", 1, 0)),
        kernel_w(a.integer("kernel", 1, 1)),
        geometry(a, input, kernel_h, kernel_w) {}

  // The sample that tap k of output (y, x) reads.
  template <typename T>
  T read(const Array<T> &input, int64_t n, int64_t c, int64_t k, int64_t y, int64_t x) const {
    const int64_t v = geometry.down.source(y, k / kernel_w), u = geometry.across.source(x, k % kernel_w);
    return u < 0 || v < 0 ? T(0) : input.at(n, c, v, u);
  }
};

// e^v over its sum, along axis 2 (k).
template <typename T>
Array<T> softmax_over_taps(const Attributes &a, const Array<T> &kernels) {
  if (a.word("softmax", "none") == "none") return kernels;
  Array<T> weights = kernels;
  int64_t outer = kernels.shape[0] * kernels.shape[1], inner = 1;
  const int64_t taps = kernels.shape[2];
  for (size_t d = 3; d < kernels.shape.size(); d++) inner *= kernels.shape[d];
  for (int64_t i = 0; i < outer * inner; i++) {
    T total(0);
    const auto at = [&](int64_t k) { return static_cast<size_t>((i / inner * taps + k) * inner + i % inner); };
    using std::exp;
    for (int64_t k = 0; k < taps; k++) total += exp(kernels.values[at(k)]);
    for (int64_t k = 0; k < taps; k++) weights.values[at(k)] = exp(kernels.values[at(k)]) / total;
  }
  return weights;
}

// bias(c) added to a tensor [n c h w].
template <typename T>
void add_bias(const Attributes &a, const Operands<T> &in, Array<T> &values) {
  if (a.word("bias", "false") != "true") return;
  const size_t channels = static_cast<size_t>(values.shape[1]);
  const size_t space = static_cast<size_t>(values.shape[2] * values.shape[3]);
  for (size_t i = 0; i < values.values.size(); i++) values.values[i] += in.at("bias").values[i / space % channels];
}

// kernels [n c k h w]
template <typename T>
Array<T> filter_channelwise(const Attributes &a, const Array<T> &input, const Array<T> &given) {
  const TapWindow window(a, input.shape);
  const Array<T> kernels = softmax_over_taps(a, given);
  Array<T> output({input.shape[0], input.shape[1], window.geometry.down.extent, window.geometry.across.extent});
  for (int64_t n = 0; n < output.shape[0]; n++) {
    for (int64_t c = 0; c < output.shape[1]; c++) {
      for (int64_t y = 0; y < output.shape[2]; y++) {
        for (int64_t x = 0; x < output.shape[3]; x++) {
          T sum(0);
          for (int64_t k = 0; k < kernels.shape[2]; k++)
            sum += kernels.at({n, c, k, y, x}) * window.read(input, n, c, k, y, x);
          output.at(n, c, y, x) = sum;
        }
      }
    }
  }
  return output;
}

}  // namespace sluice::testing
