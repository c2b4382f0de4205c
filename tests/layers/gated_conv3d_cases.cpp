// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/convolution_reference.h"

namespace sluice::testing {
namespace {

// Along axis 0, 1 or 2: time, height, width.
WindowAxis window(const Attributes &a, int64_t input, int64_t kernel, size_t axis) {
  WindowAxis made;
  made.stride = a.integer("stride", 1, axis);
  made.dilation = a.integer("dilation", 1, axis);
  made.size = made.input = input;
  const int64_t reach = (kernel - 1) * made.dilation;
  const bool same = a.word("padding", "0") == "same", causal = axis == 0 && a.word("causal", "false") == "true";
  if (same) {
    made.extent = (input + made.stride - 1) / made.stride;
    made.before = causal ? reach : std::max<int64_t>((made.extent - 1) * made.stride + reach + 1 - input, 0) / 2;
  } else {
    const int64_t first = a.integer("padding", 0, 2 * axis), second = a.integer("padding", 0, 2 * axis + 1);
    made.extent = (input + first + second - reach - 1) / made.stride + 1;
    made.before = causal ? first + second : first;
  }
  return made;
}

template <typename T>
Array<T> convolve3d(const Attributes &a, const Array<T> &input, const Array<T> &weight, const Array<T> &bias) {
  const auto &s = input.shape, &k = weight.shape;
  const WindowAxis time = window(a, s[2], k[2], 0), down = window(a, s[3], k[3], 1), across = window(a, s[4], k[4], 2);
  Array<T> output({s[0], k[0], time.extent, down.extent, across.extent});
  size_t at = 0;
  for (int64_t n = 0; n < s[0]; n++) {
    for (int64_t o = 0; o < k[0]; o++) {
      for (int64_t pixel = 0; pixel < time.extent * down.extent * across.extent; pixel++) {
        const int64_t t = pixel / across.extent / down.extent, y = pixel / across.extent % down.extent,
                      x = pixel % across.extent;
        T sum = bias.values.empty() ? T(0) : bias.values[static_cast<size_t>(o)];
        for (int64_t tap = 0; tap < k[2] * k[3] * k[4]; tap++) {
          const int64_t kt = tap / k[4] / k[3], ky = tap / k[4] % k[3], kx = tap % k[4];
          const int64_t w = time.source(t, kt), v = down.source(y, ky), u = across.source(x, kx);
          if (u < 0 || v < 0 || w < 0) continue;
          for (int64_t i = 0; i < s[1]; i++) sum += weight.at({o, i, kt, ky, kx}) * input.at({n, i, w, v, u});
        }
        output.values[at++] = sum;
      }
    }
  }
  return output;
}

struct GatedConv3d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    Array<T> feature = convolve3d(a, in.at("input"), in.at("feature_weight"), in.at("feature_bias"));
    const Array<T> gate = convolve3d(a, in.at("input"), in.at("gate_weight"), in.at("gate_bias"));
    for (size_t i = 0; i < feature.values.size(); i++) {
      feature.values[i] = activate(a.word("activation", "none"), feature.values[i], a.real("negative_slope", 0.2)) *
                          activate<T>("sigmoid", gate.values[i], 0);
    }
    return feature;
  }
};

// As the attribute `transform` says.
bool is_winograd(const Attributes &a, const Array<double> &weight) {
  const int64_t stride = a.integer("stride", 1, 1);
  return stride <= 2 && a.integer("stride", 1, 2) == stride && a.integer("stride", 1, 0) == 1 &&
         weight.shape[0] >= 16 && weight.shape[1] >= 16 && weight.shape[3] == 3 && weight.shape[4] == 3;
}

// 8 units of the sum of magnitudes, plus an ulp, for feature and gate; then through the product. Of Winograd's sums see
// convolution_bound.
Array<double> bound(const Attributes &a, const Operands<double> &in) {
  const auto sum = [&](const std::string &half) {
    return convolve3d(a, in.at("input"), in.at(half + "_weight"), in.at(half + "_bias"));
  };
  const auto error = [&](const std::string &half, const Array<double> &value) {
    Array<double> allowed = convolve3d(a, magnitudes(in.at("input")), magnitudes(in.at(half + "_weight")),
                                       magnitudes(in.at(half + "_bias")));
    const bool winograd = is_winograd(a, in.at("feature_weight"));
    if (winograd) allowed = largest_of_tile(allowed, a.integer("dilation", 1, 1), a.integer("dilation", 1, 2));
    for (size_t i = 0; i < allowed.values.size(); i++)
      allowed.values[i] = (winograd ? 24 : 8) * kUnit * allowed.values[i] + 2 * kUnit * std::fabs(value.values[i]);
    return allowed;
  };
  const Array<double> feature = sum("feature"), gate = sum("gate");
  return gated_bound(a, feature, gate, error("feature", feature), error("gate", gate));
}

const std::map<std::string, double> kOpen{{"gate_weight", 0}, {"gate_bias", 1000}};  // a gate of 1

const RegisterLayerCases registered(
    "gated_conv3d", make_reference<GatedConv3d>(bound),
    {
        {"", "k3", "kernel=3 channels=9 padding=1", {{2, 5, 4, 7, 9}}},
        {"", "k1", "kernel=1 channels=18 activation=elu", {{1, 7, 3, 4, 5}}},
        {"", "k3x5x1", "kernel=3,5,1 channels=4 padding=0,2,2,1,0,0 activation=tanh", {{1, 3, 5, 7, 6}}},
        {"", "same_relu", "kernel=3 channels=6 padding=same activation=relu", {{1, 4, 3, 6, 10}}},
        {"", "causal", "kernel=3 channels=8 padding=same causal=true activation=elu", {{1, 6, 5, 4, 6}}},
        {"",
         "causal_explicit",
         "kernel=3,1,1 channels=3 dilation=2,1,1 padding=2,2,0,0,0,0 causal=true",
         {{2, 3, 6, 3, 4}}},
        {"", "causal_stride2", "kernel=3 channels=5 stride=2 padding=same causal=true", {{1, 3, 6, 5, 4}}},
        {"", "dilation122", "kernel=3 channels=6 dilation=1,2,2 padding=1,1,2,2,2,2", {{1, 4, 3, 9, 8}}},
        {"", "stride122", "kernel=3 channels=7 stride=1,2,2 padding=1 activation=leaky_relu", {{1, 4, 4, 9, 8}}},
        {"", "stride211_tanh", "kernel=3 channels=4 stride=2,1,1 padding=1 activation=tanh", {{2, 3, 5, 4, 6}}},
        {"",
         "stride2_dilation2",
         "kernel=3 channels=4 stride=2 dilation=2 padding=same activation=elu",
         {{1, 3, 5, 8, 7}}},
        {"", "nobias", "kernel=2,3,3 channels=6 padding=0,1,1,1,1,1 bias=false", {{1, 3, 4, 5, 6}}},
        {"", "open_none", "kernel=3 channels=20 padding=1", {{1, 5, 3, 6, 11}}, true, kOpen},
        {"", "open_stride", "kernel=3 channels=9 stride=1,2,2 padding=same", {{1, 4, 3, 7, 9}}, true, kOpen},
        {"", "winograd", "kernel=3 channels=24 padding=same activation=elu", {{2, 17, 4, 7, 9}}},
        {"",
         "winograd_dilation",
         "kernel=2,3,3 channels=16 dilation=2,3,1 padding=2,1,3,2,0,1 causal=true activation=tanh",
         {{1, 16, 5, 9, 6}}},
        {"", "winograd_stride122", "kernel=3 channels=20 stride=1,2,2 padding=same", {{1, 24, 3, 11, 6}}},
        {"", "stride2_direct", "kernel=3 channels=16 stride=2 padding=same", {{1, 16, 3, 5, 6}}},
        {"",
         "open_causal_relu",
         "kernel=3 channels=6 padding=same causal=true activation=relu",
         {{1, 4, 5, 5, 6}},
         true,
         kOpen},
    });

}  // namespace
}  // namespace sluice::testing
