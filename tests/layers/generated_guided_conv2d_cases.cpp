// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/guided_reference.h"

namespace sluice::testing {
namespace {

// The kernels as a convolution of the guidance, [n c*k h w], then as a tensor [n c k h w] of a guided convolution.
struct GeneratedGuidedConv2d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Array<T> &input = in.at("input"), &weight = in.at("weight");
    const Attributes same("padding=same");
    const Array<T> maps = convolve(same, in.at("guidance"), weight, in.at("bias"));
    const int64_t channels = input.shape[1], taps = weight.shape[0] / channels;
    const Array<T> kernels = maps.reshaped({maps.shape[0], channels, taps, maps.shape[2], maps.shape[3]});
    Array<T> output = filter_channelwise(a, input, kernels);
    normalise(a, in, output);
    for (T &v : output.values) v = activate(a.word("activation", "none"), v, a.real("negative_slope", 0.2));
    return output;
  }
};

// Two sums, one in the other.
Array<double> bound(const Attributes &a, const Operands<double> &in) {
  return relative_bound(GeneratedGuidedConv2d::value(a, in));
}

const RegisterLayerCases registered(
    "generated_guided_conv2d", make_reference<GeneratedGuidedConv2d>(bound),
    {
        {"", "k3", "kernel=3 generation_kernel=1 padding=same", {{2, 7, 6, 9}, {2, 5, 6, 9}}, true},
        {"", "k3_wide", "kernel=3 generation_kernel=1 padding=same", {{1, 21, 5, 19}, {1, 4, 5, 19}}, true},
        {"", "k3_g3", "kernel=3 generation_kernel=3 padding=same", {{1, 8, 6, 10}, {1, 5, 6, 10}}, true},
        {"", "k5_g1x3", "kernel=5 generation_kernel=1,3 padding=same", {{1, 3, 6, 7}, {1, 4, 6, 7}}, true},
        {"", "k1x7", "kernel=1,7 generation_kernel=1 padding=same", {{2, 3, 4, 9}, {2, 4, 4, 9}}, true},
        {"", "k2x4", "kernel=2,4 generation_kernel=1 padding=same", {{1, 3, 4, 9}, {1, 4, 4, 9}}, true},
        {"", "dilation2", "kernel=3 dilation=2 generation_kernel=1 padding=same", {{1, 9, 6, 9}, {1, 5, 6, 9}}, true},
        {"", "padding", "kernel=3 generation_kernel=1 padding=0,1,2,0", {{1, 4, 6, 9}, {1, 5, 5, 9}}, true},
        {"",
         "nobias_relu",
         "kernel=3 generation_kernel=1 padding=same bias=false activation=relu",
         {{1, 9, 6, 9}, {1, 5, 6, 9}},
         true},
        {"",
         "norm_relu",
         "kernel=3 generation_kernel=1 padding=same norm=batch_eval activation=relu",
         {{2, 18, 5, 9}, {2, 5, 5, 9}},
         false},
        {"", "stride2", "kernel=3 stride=2 generation_kernel=1 padding=1", {{1, 5, 7, 10}, {1, 6, 4, 5}}, true},
        {"",
         "reflect",
         "kernel=3 generation_kernel=3 padding=same padding_mode=reflect",
         {{1, 5, 6, 7}, {1, 6, 6, 7}},
         true},
        {"",
         "replicate_dilation2",
         "kernel=3 dilation=2 generation_kernel=1 padding=2 padding_mode=replicate",
         {{1, 5, 6, 7}, {1, 6, 6, 7}},
         true},
        {"",
         "softmax",
         "kernel=3 generation_kernel=1 padding=same softmax=taps norm=batch_eval activation=leaky_relu",
         {{2, 9, 5, 9}, {2, 5, 5, 9}},
         false},
        {"",
         "softmax_k1x5_g3",
         "kernel=1,5 generation_kernel=3 padding=same softmax=taps",
         {{1, 18, 4, 9}, {1, 3, 4, 9}},
         false},
        {"",
         "softmax_stride2_reflect",
         "kernel=3 stride=2 generation_kernel=1 padding=1 softmax=taps padding_mode=reflect",
         {{1, 3, 7, 9}, {1, 3, 4, 5}},
         false},
        {"", "one_channel", "kernel=9 generation_kernel=1 padding=same", {{1, 1, 9, 11}, {1, 8, 9, 11}}, true},
    });

const RegisterLayerCases by_winograd(
    "generated_guided_conv2d", make_reference<GeneratedGuidedConv2d>(bound),
    {
        {"", "winograd", "kernel=3 generation_kernel=3 padding=same", {{2, 37, 9, 14}, {2, 19, 9, 14}}, false},
        {"",
         "winograd_norm_padding",
         "kernel=3 generation_kernel=3 padding=0,1,2,0 norm=batch_eval activation=relu",
         {{1, 16, 6, 30}, {1, 16, 5, 30}},
         false},
        {"",
         "winograd_nobias",
         "kernel=3 generation_kernel=3 padding=3 bias=false",
         {{1, 32, 2, 1}, {1, 20, 6, 5}},
         false},
        {"",
         "g3_direct",
         "kernel=3 generation_kernel=3 padding=same algorithm=direct",
         {{1, 16, 6, 10}, {1, 16, 6, 10}},
         false},
    });

}  // namespace
}  // namespace sluice::testing
