// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/guided_reference.h"

namespace sluice::testing {
namespace {

struct GuidedChannelwiseConv2d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    Array<T> output = filter_channelwise(a, in.at("input"), in.at("kernels"));
    add_bias(a, in, output);
    return output;
  }
};

const RegisterLayerCases registered(
    "guided_channelwise_conv2d", make_reference<GuidedChannelwiseConv2d>(),
    {
        {"", "k3", "kernel=3 padding=1", {{2, 19, 6, 9}, {2, 19, 9, 6, 9}}, true},
        {"", "k3_wide", "kernel=3 padding=same", {{1, 35, 3, 21}, {1, 35, 9, 3, 21}}, true},
        {"", "k3_few_channels", "kernel=3 padding=1", {{2, 3, 6, 37}, {2, 3, 9, 6, 37}}, true},
        {"", "k9_one_channel", "kernel=9 padding=same", {{1, 1, 12, 11}, {1, 1, 81, 12, 11}}, true},
        {"", "k1x13_bias", "kernel=1,13 padding=same bias=true", {{1, 1, 5, 21}, {1, 1, 13, 5, 21}}, true},
        {"", "k2x4", "kernel=2,4 padding=same", {{1, 4, 5, 8}, {1, 4, 8, 5, 8}}, true},
        {"", "no_padding", "kernel=3", {{1, 18, 6, 9}, {1, 18, 9, 4, 7}}, true},
        {"", "dilation2x3", "kernel=3 dilation=2,3 padding=same", {{1, 17, 7, 8}, {1, 17, 9, 7, 8}}, true},
        {"", "stride2_bias", "kernel=3 stride=2 padding=1 bias=true", {{2, 20, 9, 8}, {2, 20, 9, 5, 4}}, true},
        {"", "stride2_few_channels", "kernel=3 stride=2 padding=1", {{1, 2, 9, 40}, {1, 2, 9, 5, 20}}, true},
        {"", "reflect", "kernel=5 padding=2 padding_mode=reflect", {{1, 9, 6, 7}, {1, 9, 25, 6, 7}}, true},
        {"",
         "replicate_dilation2",
         "kernel=3 dilation=2 padding=2 padding_mode=replicate",
         {{1, 3, 6, 7}, {1, 3, 9, 6, 7}},
         true},
        {"", "softmax", "kernel=3 padding=1 softmax=taps", {{2, 19, 4, 9}, {2, 19, 9, 4, 9}}, false},
        {"", "softmax_one_channel", "kernel=9 padding=same softmax=taps", {{1, 1, 7, 19}, {1, 1, 81, 7, 19}}, false},
        {"",
         "softmax_stride2_reflect",
         "kernel=3 stride=2 padding=1 softmax=taps padding_mode=reflect bias=true",
         {{1, 5, 7, 9}, {1, 5, 9, 4, 5}},
         false},
    });

}  // namespace
}  // namespace sluice::testing
