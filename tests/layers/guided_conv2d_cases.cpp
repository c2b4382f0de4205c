// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/guided_reference.h"

namespace sluice::testing {
namespace {

// kernels [n i k o]: of every sample a convolution's weight [o i kh kw], with the channels of one group as outputs.
struct GuidedConv2d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Array<T> &input = in.at("input"), kernels = softmax_over_taps(a, in.at("kernels"));
    const TapWindow window(a, input.shape);
    const int64_t groups = a.integer("groups", 1), inputs = input.shape[1] / groups, outputs = kernels.shape[3];
    Array<T> output({input.shape[0], outputs * groups, window.geometry.down.extent, window.geometry.across.extent});
    for (int64_t n = 0; n < output.shape[0]; n++) {
      for (int64_t o = 0; o < output.shape[1]; o++) {
        for (int64_t y = 0; y < output.shape[2]; y++) {
          for (int64_t x = 0; x < output.shape[3]; x++) {
            T sum(0);
            for (int64_t i = o / outputs * inputs; i < (o / outputs + 1) * inputs; i++) {
              for (int64_t k = 0; k < kernels.shape[2]; k++)
                sum += kernels.at(n, i, k, o % outputs) * window.read(input, n, i, k, y, x);
            }
            output.at(n, o, y, x) = sum;
          }
        }
      }
    }
    add_bias(a, in, output);
    return output;
  }
};

const RegisterLayerCases registered(
    "guided_conv2d", make_reference<GuidedConv2d>(),
    {
        {"", "k3", "kernel=3 padding=1", {{2, 5, 6, 9}, {2, 5, 9, 7}}, true},
        {"", "k3_wide", "kernel=3 padding=same", {{2, 4, 3, 21}, {2, 4, 9, 35}}, true},
        {"", "one_output", "kernel=3 padding=1", {{1, 5, 10, 11}, {1, 5, 9, 1}}, true},
        {"", "k1x5_bias", "kernel=1,5 padding=same bias=true", {{2, 4, 5, 9}, {2, 4, 5, 6}}, true},
        {"", "k2_dilation3", "kernel=2 dilation=3", {{1, 3, 7, 9}, {1, 3, 4, 5}}, true},
        {"",
         "stride2_dilation2_bias",
         "kernel=3 stride=2 dilation=2 padding=2 bias=true",
         {{2, 5, 9, 8}, {2, 5, 9, 6}},
         true},
        {"", "reflect", "kernel=3 padding=1 padding_mode=reflect", {{1, 4, 6, 7}, {1, 4, 9, 6}}, true},
        {"",
         "replicate_stride3",
         "kernel=3 stride=3 padding=1 padding_mode=replicate",
         {{1, 4, 8, 7}, {1, 4, 9, 6}},
         true},
        {"", "groups2_bias", "kernel=3 padding=1 groups=2 bias=true", {{2, 6, 5, 6}, {2, 6, 9, 5}}, true},
        {"", "softmax", "kernel=3 padding=1 softmax=taps", {{2, 5, 6, 9}, {2, 5, 9, 7}}, false},
        {"",
         "softmax_groups3_stride2",
         "kernel=1,3 stride=2 padding=same groups=3 softmax=taps",
         {{1, 6, 5, 6}, {1, 6, 3, 2}},
         false},
    });

}  // namespace
}  // namespace sluice::testing
