// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/guided_reference.h"

namespace sluice::testing {
namespace {

// kernels [n o i], or [n i o] whose values in order are reread as [n o i].
struct GuidedDepthwiseConv2d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Array<T> &input = in.at("input");
    const int64_t inputs = input.shape[1];
    const int64_t outputs = in.at("kernels").shape[1] * in.at("kernels").shape[2] / inputs;
    const Array<T> kernels = in.at("kernels").reshaped({input.shape[0], outputs, inputs});
    Array<T> output({input.shape[0], outputs, input.shape[2], input.shape[3]});
    for (int64_t n = 0; n < output.shape[0]; n++) {
      for (int64_t o = 0; o < outputs; o++) {
        for (int64_t y = 0; y < output.shape[2]; y++) {
          for (int64_t x = 0; x < output.shape[3]; x++) {
            T sum(0);
            for (int64_t i = 0; i < inputs; i++) sum += kernels.at({n, o, i}) * input.at(n, i, y, x);
            output.at(n, o, y, x) = sum;
          }
        }
      }
    }
    add_bias(a, in, output);
    normalise(a, in, output);
    for (T &v : output.values) v = activate(a.word("activation", "none"), v, a.real("negative_slope", 0.2));
    return output;
  }
};

// With a norm: its slope enlarges the error of the sum.
Array<double> bound(const Attributes &a, const Operands<double> &in) {
  return relative_bound(GuidedDepthwiseConv2d::value(a, in));
}

const RegisterLayerCases registered(
    "guided_depthwise_conv2d", make_reference<GuidedDepthwiseConv2d>(bound),
    {
        {"", "square", "", {{2, 7, 6, 9}, {2, 7, 7}}, true},
        {"", "wide", "kernels_layout=co_ci", {{2, 12, 3, 21}, {2, 37, 12}}, true},
        {"", "bias", "kernel=1 bias=true", {{2, 8, 5, 9}, {2, 6, 8}}, true},
        {"", "documented", "kernels_layout=documented bias=true", {{2, 8, 7, 9}, {2, 8, 6}}, true},
        {"", "documented_square", "kernels_layout=documented", {{2, 5, 4, 9}, {2, 5, 5}}, true},
        {"", "one_output", "", {{1, 9, 4, 5}, {1, 1, 9}}, true},
        {"", "relu", "activation=relu", {{1, 9, 4, 5}, {1, 6, 9}}, true},
        {"", "norm_relu", "norm=batch_eval activation=relu", {{2, 9, 4, 11}, {2, 18, 9}}, false},
        {"",
         "norm_bias_documented",
         "norm=batch_eval bias=true kernels_layout=documented activation=leaky_relu",
         {{2, 6, 4, 5}, {2, 6, 4}},
         false},
    });

}  // namespace
}  // namespace sluice::testing
