// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/guided_reference.h"

namespace sluice::testing {
namespace {

// kernels [n i k o h w]
struct GuidedLocalConv2d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Array<T> &input = in.at("input"), kernels = softmax_over_taps(a, in.at("kernels"));
    const TapWindow window(a, input.shape);
    Array<T> output({input.shape[0], kernels.shape[3], window.geometry.down.extent, window.geometry.across.extent});
    for (int64_t n = 0; n < output.shape[0]; n++) {
      for (int64_t o = 0; o < output.shape[1]; o++) {
        for (int64_t y = 0; y < output.shape[2]; y++) {
          for (int64_t x = 0; x < output.shape[3]; x++)
            output.at(n, o, y, x) = pixel(input, kernels, window, n, o, y, x);
        }
      }
    }
    add_bias(a, in, output);
    return output;
  }

  template <typename T>
  static T pixel(const Array<T> &input, const Array<T> &kernels, const TapWindow &window, int64_t n, int64_t o,
                 int64_t y, int64_t x) {
    T sum(0);
    for (int64_t i = 0; i < input.shape[1]; i++) {
      for (int64_t k = 0; k < kernels.shape[2]; k++)
        sum += kernels.at({n, i, k, o, y, x}) * window.read(input, n, i, k, y, x);
    }
    return sum;
  }
};

const RegisterLayerCases registered(
    "guided_local_conv2d", make_reference<GuidedLocalConv2d>(),
    {
        {"", "k3", "kernel=3 padding=1", {{2, 3, 5, 19}, {2, 3, 9, 4, 5, 19}}, true},
        {"", "many_inputs", "kernel=3 padding=1", {{1, 19, 4, 7}, {1, 19, 9, 3, 4, 7}}, true},
        {"", "k1x5_bias", "kernel=1,5 padding=same bias=true", {{1, 2, 4, 9}, {1, 2, 5, 3, 4, 9}}, true},
        {"", "k2_one_output", "kernel=2", {{1, 4, 5, 6}, {1, 4, 4, 1, 4, 5}}, true},
        {"", "stride2_bias", "kernel=3 stride=2 padding=1 bias=true", {{1, 3, 9, 8}, {1, 3, 9, 3, 5, 4}}, true},
        {"",
         "dilation2_reflect",
         "kernel=3 dilation=2 padding=2 padding_mode=reflect",
         {{1, 2, 6, 7}, {1, 2, 9, 2, 6, 7}},
         true},
        {"", "replicate_many", "kernel=3 padding=1 padding_mode=replicate", {{1, 17, 4, 5}, {1, 17, 9, 2, 4, 5}}, true},
        {"", "softmax", "kernel=3 padding=1 softmax=taps", {{1, 3, 5, 9}, {1, 3, 9, 2, 5, 9}}, false},
        {"",
         "softmax_many_bias",
         "kernel=1,5 padding=same softmax=taps bias=true",
         {{2, 18, 3, 5}, {2, 18, 5, 2, 3, 5}},
         false},
    });

}  // namespace
}  // namespace sluice::testing
