// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/convolution_reference.h"

namespace sluice::testing {
namespace {

struct GluTemporal {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Array<T> &input = in.at("input"), &weight = in.at("weight"), &bias = in.at("bias");
    const auto &s = input.shape;
    const int64_t channels = weight.shape[0] / 2, kt = weight.shape[2], kv = weight.shape[3];
    Array<T> output({s[0], channels, s[2] - kt + 1, s[3] - kv + 1});
    for (int64_t n = 0; n < s[0]; n++) {
      for (int64_t o = 0; o < channels; o++) {
        for (int64_t t = 0; t < output.shape[2]; t++) {
          for (int64_t v = 0; v < output.shape[3]; v++) {
            T half[2];
            for (int64_t h = 0; h < 2; h++) {
              half[h] = bias.values[static_cast<size_t>(h * channels + o)];
              for (int64_t tap = 0; tap < s[1] * kt * kv; tap++) {
                const int64_t i = tap / kv / kt, k = tap / kv % kt, j = tap % kv;
                half[h] += weight.at(h * channels + o, i, k, j) * input.at(n, i, t + k, v + j);
              }
            }
            const T feature = half[0] + aligned(a, in, n, o, t + kt - 1, v);
            output.at(n, o, t, v) = activate<T>(a.word("mode", "glu") == "gtu" ? "tanh" : "none", feature, 0) *
                                    activate<T>("sigmoid", half[1], 0);
          }
        }
      }
    }
    return output;
  }

 private:
  template <typename T>
  static T aligned(const Attributes &a, const Operands<T> &in, int64_t n, int64_t o, int64_t t, int64_t v) {
    const Array<T> &input = in.at("input");
    if (a.word("align", "") != "conv") return o < input.shape[1] ? input.at(n, o, t, v) : T(0);
    T sum = in.at("align_bias").values[static_cast<size_t>(o)];
    for (int64_t i = 0; i < input.shape[1]; i++) sum += in.at("align_weight").at(o, i, 0, 0) * input.at(n, i, t, v);
    return sum;
  }
};

// Two sums through a sigmoid and, for gtu, a tanh; the errors of sums grow with their number of terms.
Array<double> bound(const Attributes &a, const Operands<double> &in) {
  const auto &weight = in.at("weight").shape;  // o i kt kv
  return relative_bound(GluTemporal::value(a, in), 4 + static_cast<double>(weight[1] * weight[2] * weight[3]) / 200);
}

const RegisterLayerCases registered(
    "glu_temporal", make_reference<GluTemporal>(bound),
    {
        {"", "conv", "kernel=3,1 channels=5 align=conv", {{2, 7, 9, 6}}},
        {"", "conv_wide_gtu", "kernel=3,1 channels=19 align=conv mode=gtu", {{1, 33, 5, 11}}},
        {"", "zero_pad", "kernel=3,1 channels=8 align=zero_pad", {{2, 3, 9, 7}}},
        {"", "zero_pad_wide", "kernel=2,1 channels=40 align=zero_pad mode=gtu", {{1, 18, 4, 9}}},
        {"", "identity", "kernel=3,1 channels=10 align=identity", {{2, 10, 8, 5}}},
        {"", "identity_gtu", "kernel=4,1 channels=21 align=identity mode=gtu", {{1, 21, 6, 13}}},
    });

}  // namespace
}  // namespace sluice::testing
