// SPDX-License-Identifier: Apache-2.0
// Convolution in plain loops, and what float32 may be off by.
#pragma once
#include <algorithm>

#include "tests/layers/layer_cases.h"

namespace sluice::testing {

// Along one axis: which element of the input tap k of output i reads.
struct WindowAxis {
  int64_t stride = 1, dilation = 1, before = 0, extent = 0, size = 0, input = 0;
  double upsample = 1;
  std::string mode = "zeros";

  // -1: a zero.
  int64_t source(int64_t i, int64_t k) const {
    int64_t u = i * stride + k * dilation - before;
    if (mode == "zeros" && (u < 0 || u >= size)) return -1;
    if (mode == "reflect") u = u < 0 ? -u : u >= size ? 2 * (size - 1) - u : u;
    u = std::clamp<int64_t>(u, 0, size - 1);
    const auto from = static_cast<int64_t>(std::floor(static_cast<float>(u) * static_cast<float>(1.0 / upsample)));
    return std::min(from, input - 1);
  }
};

struct ConvolutionGeometry {
  WindowAxis across, down;

  ConvolutionGeometry(const Attributes &a, const std::vector<int64_t> &input, int64_t kernel_h, int64_t kernel_w)
      : across(along(a, input[3], kernel_w, 1)), down(along(a, input[2], kernel_h, 0)) {}

 private:
  static WindowAxis along(const Attributes &a, int64_t input, int64_t kernel, size_t axis) {
    WindowAxis made;
    made.stride = a.integer("stride", 1, axis);
    made.dilation = a.integer("dilation", 1, axis);
    made.upsample = a.real("upsample", 1);
    made.mode = a.word("padding_mode", "zeros");
    made.input = input;
    made.size = static_cast<int64_t>(std::floor(static_cast<double>(input) * made.upsample));
    const int64_t reach = (kernel - 1) * made.dilation + 1;
    if (a.word("padding", "0") == "same") {
      made.extent = (made.size + made.stride - 1) / made.stride;
      made.before = std::max<int64_t>((made.extent - 1) * made.stride + reach - made.size, 0) / 2;
    } else {
      made.before = a.integer("padding", 0, 2 * axis);
      made.extent = (made.size + made.before + a.integer("padding", 0, 2 * axis + 1) - reach) / made.stride + 1;
    }
    return made;
  }
};

// [n c l] is a picture of one row, [n c] one pixel a picture.
template <typename T>
Array<T> as_picture(const Array<T> &array) {
  const auto &s = array.shape;
  if (s.size() == 3) return array.reshaped({s[0], s[1], 1, s[2]});
  return s.size() == 2 ? array.reshaped({s[0], s[1], 1, 1}) : array;
}

template <typename T>
Array<T> convolve(const Attributes &a, const Array<T> &given, const Array<T> &weight, const Array<T> &bias) {
  const Array<T> input = as_picture(given);
  const int64_t groups = a.integer("groups", 1), count = input.shape[0], channels = weight.shape[0];
  const int64_t kernel_h = weight.shape[2], kernel_w = weight.shape[3], inputs = weight.shape[1];
  const ConvolutionGeometry g(a, input.shape, kernel_h, kernel_w);
  Array<T> output({count, channels, g.down.extent, g.across.extent});
  for (int64_t n = 0; n < count; n++) {
    for (int64_t o = 0; o < channels; o++) {
      const int64_t first = o / (channels / groups) * inputs;
      for (int64_t y = 0; y < g.down.extent; y++) {
        for (int64_t x = 0; x < g.across.extent; x++) {
          T sum = bias.values.empty() ? T(0) : bias.values[static_cast<size_t>(o)];
          for (int64_t i = 0; i < inputs; i++) {
            for (int64_t ky = 0; ky < kernel_h; ky++) {
              for (int64_t kx = 0; kx < kernel_w; kx++) {
                const int64_t v = g.down.source(y, ky), u = g.across.source(x, kx);
                if (u >= 0 && v >= 0) sum += weight.at(o, i, ky, kx) * input.at(n, first + i, v, u);
              }
            }
          }
          output.at(n, o, y, x) = sum;
        }
      }
    }
  }
  if (given.shape.size() == 3) return output.reshaped({count, channels, g.across.extent});
  return given.shape.size() == 2 ? output.reshaped({count, channels}) : output;
}

// TensorFlow's form: u' . W v with v = n(W^T u), u' = n(W v), n(x) = x / (|x| + 1e-12); |x| is the root of the sum of
// squares, not of their magnitudes, so that derivatives go through.
template <typename T>
T stepped_sigma(const Array<T> &weight, const Array<T> &u, size_t rows, size_t columns) {
  using std::sqrt;
  std::vector<T> v(columns, T(0)), product(rows, T(0));
  T square(0), whole(0);
  for (size_t o = 0; o < rows; o++) {
    for (size_t k = 0; k < columns; k++) v[k] += weight.values[o * columns + k] * u.values[o];
  }
  for (const T &value : v) square += value * value;
  for (size_t o = 0; o < rows; o++) {
    for (size_t k = 0; k < columns; k++) product[o] += weight.values[o * columns + k] * v[k] / (sqrt(square) + 1e-12);
    whole += product[o] * product[o];
  }
  return whole / (sqrt(whole) + 1e-12);
}

// weight / (u . W v), W = the weight as (o, everything else). u and v are constants, so only their real parts are used.
template <typename T>
Array<T> spectral_normed(const Attributes &a, const Operands<T> &in, const std::string &name) {
  Array<T> weight = in.at(name);
  if (a.word("spectral_norm", "none") == "none") return weight;
  const size_t rows = static_cast<size_t>(weight.shape[0]), columns = weight.values.size() / rows;
  T sigma(0);
  if (a.word("spectral_form", "torch") == "tf") {
    sigma = stepped_sigma(weight, in.at(name + "_u"), rows, columns);
    for (T &value : weight.values) value /= sigma;
    return weight;
  }
  for (size_t o = 0; o < rows; o++) {
    for (size_t k = 0; k < columns; k++)
      sigma += in.at(name + "_u").values[o] * weight.values[o * columns + k] * in.at(name + "_v").values[k];
  }
  for (T &value : weight.values) value /= sigma;
  return weight;
}

// Batch norm with stored statistics, per channel of n c ...
template <typename T>
void normalise(const Attributes &a, const Operands<T> &in, Array<T> &values) {
  if (a.word("norm", "none") == "none") return;
  const size_t channels = static_cast<size_t>(values.shape[1]);
  const size_t space = values.values.size() / (channels * static_cast<size_t>(values.shape[0]));
  for (size_t i = 0; i < values.values.size(); i++) {
    const size_t c = i / space % channels;
    using std::sqrt;
    values.values[i] = (values.values[i] - in.at("running_mean").values[c]) /
                           sqrt(in.at("running_var").values[c] +
                                T(static_cast<double>(static_cast<float>(a.real("norm_eps", 1e-5))))) *
                           in.at("norm_weight").values[c] +
                       in.at("norm_bias").values[c];
  }
}

// How much u . W v loses by cancelling: the sum of its magnitudes over its own.
inline double spectral_condition(const Attributes &a, const Operands<double> &in, const std::string &name) {
  if (a.word("spectral_norm", "none") == "none" || a.word("spectral_form", "torch") == "tf") return 1;
  const Array<double> &weight = in.at(name), &u = in.at(name + "_u"), &v = in.at(name + "_v");
  const size_t columns = weight.values.size() / u.values.size();
  double sum = 0, magnitudes = 0;
  for (size_t i = 0; i < weight.values.size(); i++) {
    const double term = u.values[i / columns] * weight.values[i] * v.values[i % columns];
    sum += term;
    magnitudes += std::fabs(term);
  }
  return magnitudes / std::max(std::fabs(sum), 1e-30);
}

inline Array<double> magnitudes(Array<double> array) {
  for (double &value : array.values) value = std::fabs(value);
  return array;
}

// As the attribute `transform` of the convolution layers says; channels, strided: the fewest output channels.
inline bool is_winograd(const Attributes &a, const Array<double> &weight, int64_t channels, int64_t strided) {
  const int64_t stride = a.integer("stride", 1, 0), inputs = weight.shape[1], kernel = weight.shape[2];
  const double upsample = a.real("upsample", 1);
  const bool three = kernel == 3 && inputs >= 16 && (upsample == 1 || (upsample == 2 && stride == 1));
  const bool five = kernel == 5 && inputs >= 4 && inputs <= 15 && upsample == 1 && stride == 1;
  return a.word("algorithm", "fastest") == "fastest" && a.word("padding_mode", "zeros") == "zeros" &&
         a.integer("groups", 1) == 1 && stride <= 2 && a.integer("stride", 1, 1) == stride &&
         weight.shape[0] >= (stride == 2 ? strided : channels) && weight.shape[3] == kernel && (three || five);
}

// The largest value within three results, a tile of Winograd's less one, along the last two axes, y and x.
inline Array<double> largest_of_tile(const Array<double> &values, int64_t dilation_h, int64_t dilation_w) {
  Array<double> result = values;
  const int64_t width = values.shape.back(), height = values.shape[values.shape.size() - 2];
  for (size_t i = 0; i < values.values.size(); i++) {
    const int64_t at = static_cast<int64_t>(i), x = at % width, y = at / width % height;
    for (int64_t k = 0; k < 49; k++) {
      const int64_t v = y + (k / 7 - 3) * dilation_h, u = x + (k % 7 - 3) * dilation_w;
      if (v < 0 || u < 0 || v >= height || u >= width) continue;
      result.values[i] = std::max(result.values[i], values.values[static_cast<size_t>(at + (v - y) * width + u - x)]);
    }
  }
  return result;
}

// 8 units of 2^-24 * sum of magnitudes, plus an ulp. Winograd's sums: 24 units, and the errors of a tile are those of
// its largest sum: a result at the border has few taps, but shares its products with others. The products of a 5x5
// window mix so many taps that those beyond the edge count: as if the edge's pixels went on there.
inline Array<double> convolution_bound(const Attributes &a, const Array<double> &input, const Array<double> &weight,
                                       const Array<double> &bias, bool winograd = false) {
  const bool five = winograd && weight.shape[2] == 5;
  Array<double> bound =
      convolve(five ? a.with("padding_mode", "replicate") : a, magnitudes(input), magnitudes(weight), magnitudes(bias));
  if (winograd) bound = largest_of_tile(bound, a.integer("dilation", 1, 0), a.integer("dilation", 1, 1));
  const Array<double> value = convolve(a, input, weight, bias);
  for (size_t i = 0; i < bound.values.size(); i++)
    bound.values[i] = (winograd ? 24 : 8) * kUnit * bound.values[i] + 2 * kUnit * std::fabs(value.values[i]);
  return bound;
}

// What act(f) * sigmoid(g) may be off where f and g may be off by their errors: |s(g)| * e_f + |act(f)| / 4 * e_g, and
// the rounding of both nonlinearities.
inline Array<double> gated_bound(const Attributes &a, const Array<double> &feature, const Array<double> &gate,
                                 const Array<double> &feature_error, const Array<double> &gate_error) {
  Array<double> allowed = feature_error;
  for (size_t i = 0; i < allowed.values.size(); i++) {
    const double activated = activate(a.word("activation", "none"), feature.values[i], a.real("negative_slope", 0.2));
    const double opened = activate("sigmoid", gate.values[i], 0);
    allowed.values[i] = opened * (feature_error.values[i] + 4 * kUnit) +
                        std::fabs(activated) * (gate_error.values[i] / 4 + 8 * kUnit * opened);
  }
  return allowed;
}

}  // namespace sluice::testing
