// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/convolution_reference.h"

namespace sluice::testing {
namespace {

// A convolution with as many groups as input channels: output channel c*m + q belongs to group c.
Attributes grouped(const Attributes &a, const Array<double> &input) {
  return a.with("groups", std::to_string(input.shape[1]));
}

struct DepthwiseConv2d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Attributes each = a.with("groups", std::to_string(in.at("input").shape[1]));
    Array<T> output = convolve(each, in.at("input"), in.at("weight"), in.at("bias"));
    normalise(a, in, output);
    for (T &v : output.values) v = activate(a.word("activation", "none"), v, a.real("negative_slope", 0.2));
    return output;
  }
};

Array<double> bound(const Attributes &a, const Operands<double> &in) {
  if (a.word("norm", "none") != "none") return relative_bound(DepthwiseConv2d::value(a, in));
  return convolution_bound(grouped(a, in.at("input")), in.at("input"), in.at("weight"), in.at("bias"));
}

const RegisterLayerCases registered(
    "depthwise_conv2d", make_reference<DepthwiseConv2d>(bound),
    {
        {"", "m1", "kernel=3 padding=1", {{2, 9, 10, 11}}, true},
        {"", "m1_wide", "kernel=3 padding=same", {{1, 35, 7, 13}}, true},
        {"", "m1_few_channels", "kernel=3 padding=1", {{1, 3, 6, 9}}, true},
        {"", "m1_k5_dilation2", "kernel=5 dilation=2 padding=same", {{1, 10, 14, 13}}, true},
        {"", "m1_k1x7", "kernel=1,7 padding=0,0,3,3", {{1, 8, 5, 12}}, true},
        {"", "m1_k2_asymmetric", "kernel=2 padding=0,1,1,0", {{1, 17, 5, 6}}, true},
        {"", "m1_stride2_same", "kernel=3 stride=2 padding=same", {{2, 16, 12, 11}}, true},
        {"", "m1_stride3x1_dilation2", "kernel=3 stride=3,1 dilation=1,2 padding=2", {{1, 9, 11, 8}}, true},
        {"", "m2", "kernel=3 multiplier=2 padding=1", {{2, 5, 7, 9}}, true},
        {"", "m2_stride2", "kernel=3 multiplier=2 stride=2 padding=same", {{2, 6, 12, 11}}, true},
        {"", "m3_nobias", "kernel=3 multiplier=3 padding=1 bias=false", {{1, 7, 8, 6}}, true},
        {"", "m2_reflect", "kernel=3 multiplier=2 padding=1 padding_mode=reflect", {{2, 5, 9, 10}}, true},
        {"", "m1_replicate_stride2", "kernel=5 stride=2 padding=2 padding_mode=replicate", {{1, 12, 9, 10}}, true},
        {"",
         "m3_replicate",
         "kernel=3 multiplier=3 dilation=2 padding=2 padding_mode=replicate",
         {{1, 4, 9, 10}},
         true},
        {"", "relu", "kernel=3 padding=1 activation=relu", {{1, 9, 7, 8}}, true},
        {"", "norm_leaky", "kernel=3 padding=1 norm=batch_eval activation=leaky_relu", {{2, 9, 7, 8}}, false},
        {"",
         "m2_norm_nobias",
         "kernel=3 stride=2 multiplier=2 padding=1 norm=batch_eval norm_eps=0.1 bias=false",
         {{2, 9, 7, 8}},
         false},
        {"", "one_dimension", "kernel=1,3 padding=0,0,1,1", {{3, 9, 10}}, true},
    });

}  // namespace
}  // namespace sluice::testing
