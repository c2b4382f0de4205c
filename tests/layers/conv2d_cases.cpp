// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/convolution_reference.h"

namespace sluice::testing {
namespace {

struct Conv2d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    Array<T> output = convolve(a, in.at("input"), spectral_normed(a, in, "weight"), in.at("bias"));
    normalise(a, in, output);
    for (T &v : output.values) v = activate(a.word("activation", "none"), v, a.real("negative_slope", 0.2));
    return output;
  }
};

// Slopes of the activations are at most 1; their own rounding is a few units of 1.
Array<double> bound(const Attributes &a, const Operands<double> &in) {
  if (a.word("norm", "none") != "none" || a.word("spectral_norm", "none") != "none")
    return relative_bound(Conv2d::value(a, in), spectral_condition(a, in, "weight"));
  const bool winograd = is_winograd(a, in.at("weight"), 32, 32);
  Array<double> allowed = convolution_bound(a, in.at("input"), in.at("weight"), in.at("bias"), winograd);
  if (a.word("activation", "none") == "none") return allowed;
  for (double &v : allowed.values) v += 6 * kUnit;
  return allowed;
}

const RegisterLayerCases registered(
    "conv2d", make_reference<Conv2d>(bound),
    {
        {"", "k1", "kernel=1 channels=10", {{2, 7, 9, 11}}, true},
        {"", "k3_same", "kernel=3 channels=9 padding=same", {{2, 6, 12, 11}}, true},
        {"", "k3_wide", "kernel=3 channels=40 padding=same", {{1, 17, 7, 33}}, true},
        {"", "k5_asymmetric", "kernel=5 channels=3 padding=2,0,1,3", {{1, 4, 9, 10}}, true},
        {"", "k1x5", "kernel=1,5 channels=6 padding=0,0,2,2", {{1, 5, 6, 9}}, true},
        {"", "k4_even", "kernel=4 channels=5 padding=1", {{1, 3, 9, 8}}, true},
        {"", "k3_dilation4", "kernel=3 dilation=4 channels=7 padding=same", {{1, 6, 13, 10}}, true},
        {"", "k3_dilation2x3", "kernel=3 dilation=2,3 channels=7 padding=same", {{1, 6, 13, 10}}, true},
        {"", "k3_dilation16_small", "kernel=3 dilation=16 channels=8 padding=same", {{1, 8, 5, 6}}, true},
        {"", "stride2_same_even", "kernel=3 stride=2 channels=8 padding=same", {{2, 5, 12, 10}}, true},
        {"", "stride2_same_odd", "kernel=3 stride=2 channels=8 padding=same", {{1, 5, 11, 13}}, true},
        {"", "stride2_k5_dilation2", "kernel=5 stride=2 dilation=2 channels=4 padding=same", {{1, 3, 14, 11}}, true},
        {"", "upsample2", "kernel=3 upsample=2 channels=6 padding=same", {{1, 8, 7, 6}}, true},
        {"", "upsample2_k5", "kernel=5 upsample=2 dilation=2 channels=3 padding=same", {{1, 4, 5, 6}}, true},
        {"", "nobias", "kernel=3 channels=6 padding=1 bias=false", {{1, 5, 8, 9}}, true},
        {"", "relu_exact", "kernel=3 channels=6 padding=1 activation=relu", {{1, 5, 8, 9}}, true},
        {"", "elu", "kernel=3 channels=6 padding=1 activation=elu", {{1, 5, 8, 9}}, false},
        {"", "leaky", "kernel=3 channels=6 padding=1 activation=leaky_relu negative_slope=0.1", {{1, 5, 8, 9}}, false},
        {"", "tanh", "kernel=3 channels=6 padding=1 activation=tanh", {{1, 5, 8, 9}}, false},
        {"", "sigmoid_stride2", "kernel=3 stride=2 channels=6 padding=1 activation=sigmoid", {{1, 5, 8, 9}}, false},
        {"", "stride3x1", "kernel=3 stride=3,1 channels=6 padding=1", {{1, 5, 11, 9}}, true},
        {"", "reflect", "kernel=5 channels=6 padding=2 padding_mode=reflect", {{1, 5, 8, 9}}, true},
        {"",
         "replicate_stride2",
         "kernel=3 stride=2 channels=6 padding=2,1,0,3 padding_mode=replicate",
         {{2, 3, 8, 9}},
         true},
        {"", "upsample1p5", "kernel=3 upsample=1.5 channels=6 padding=same", {{1, 8, 7, 6}}, true},
        {"",
         "upsample2_reflect",
         "kernel=3 upsample=2 channels=4 padding=1 padding_mode=reflect",
         {{1, 8, 5, 6}},
         true},
        {"", "groups2", "kernel=3 groups=2 channels=10 padding=1", {{2, 8, 6, 7}}, true},
        {"", "groups3_stride2", "kernel=3 stride=2 groups=3 channels=6 padding=same", {{1, 9, 6, 7}}, true},
        {"", "norm_relu", "kernel=3 channels=10 padding=1 norm=batch_eval activation=relu", {{2, 6, 6, 7}}, false},
        {"",
         "norm_groups_nobias",
         "kernel=1 channels=6 groups=2 norm=batch_eval bias=false norm_eps=0.1",
         {{2, 6, 6, 7}},
         false},
        {"", "spectral_tf", "kernel=3 channels=7 padding=1 spectral_norm=eval spectral_form=tf", {{1, 5, 6, 7}}, false},
        {"", "spectral", "kernel=3 channels=7 padding=1 spectral_norm=eval", {{1, 5, 6, 7}}, false},
        {"",
         "spectral_norm_tanh",
         "kernel=3 channels=7 padding=1 norm=batch_eval spectral_norm=eval activation=tanh",
         {{1, 5, 6, 7}},
         false},
        {"", "row_of_vectors", "kernel=1 channels=19", {{11, 37}}, true},
        {"", "one_dimension", "kernel=1,3 channels=9 padding=0,0,1,1", {{3, 4, 10}}, true},
    });

// By other ways than the direct sum of channels.
const RegisterLayerCases transformed(
    "conv2d", make_reference<Conv2d>(bound),
    {
        {"", "winograd", "kernel=3 channels=64 padding=same", {{1, 32, 13, 18}}},
        {"", "winograd_tail", "kernel=3 channels=37 padding=2,0,1,3 activation=relu", {{2, 17, 9, 31}}},
        {"", "winograd_dilation", "kernel=3 channels=40 dilation=3,2 padding=same activation=elu", {{2, 24, 11, 12}}},
        {"", "winograd_upsample2", "kernel=3 channels=33 upsample=2 padding=1,0,2,3", {{2, 17, 5, 7}}},
        {"", "winograd_deep", "kernel=3 channels=390 padding=same", {{2, 385, 3, 5}}},
        {"", "winograd_deep_blocks", "kernel=3 channels=384 dilation=8 padding=same", {{1, 384, 7, 8}}},
        {"",
         "winograd_deep_upsample2",
         "kernel=3 channels=384 upsample=2 padding=same activation=relu",
         {{2, 384, 2, 3}}},
        {"", "winograd_of_many_elu", "kernel=3 channels=384 padding=same activation=elu", {{1, 384, 2, 3}}},
        {"", "winograd_dilation_beyond", "kernel=3 channels=33 dilation=3000,20 padding=same", {{1, 16, 4, 6}}},
        {"", "winograd_chunks", "kernel=3 channels=35 padding=same", {{2, 19, 53, 58}}},
        {"", "groups_below_winograd", "kernel=3 channels=48 groups=3 padding=same", {{2, 48, 9, 7}}},
        {"", "winograd_norm", "kernel=3 channels=32 padding=same norm=batch_eval spectral_norm=eval", {{1, 16, 1, 2}}},
        {"", "winograd_stride2", "kernel=3 channels=64 stride=2 padding=same", {{1, 32, 14, 19}}},
        {"",
         "winograd_stride2_tail",
         "kernel=3 channels=37 stride=2 padding=2,0,1,3 activation=relu",
         {{2, 17, 9, 31}}},
        {"", "winograd_stride2_dilation", "kernel=3 channels=33 stride=2 dilation=3,2 padding=same", {{2, 16, 21, 12}}},
        {"", "winograd_k5", "kernel=5 channels=36 padding=same activation=relu", {{2, 5, 9, 13}}},
        {"", "winograd_k5_dilation", "kernel=5 channels=32 dilation=2,3 padding=3,4,1,0", {{1, 15, 11, 17}}},
        {"", "stride2x1_direct", "kernel=3 channels=33 stride=2,1 padding=same", {{1, 16, 7, 8}}},
        {"", "narrow_slabs", "kernel=3 channels=3 padding=same", {{1, 12, 19, 135}}, true},
        {"", "narrow_k7_tanh", "kernel=7 channels=4 padding=same activation=tanh", {{2, 19, 9, 21}}},
        {"", "narrow_one", "kernel=3 dilation=2,3 channels=1 padding=1,0,2,4 bias=false", {{2, 33, 11, 10}}, true},
    });

}  // namespace
}  // namespace sluice::testing
