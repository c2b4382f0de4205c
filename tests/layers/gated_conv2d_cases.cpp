// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/convolution_reference.h"

namespace sluice::testing {
namespace {

struct GatedConv2d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    Array<T> feature = convolve(a, in.at("input"), spectral_normed(a, in, "feature_weight"), in.at("feature_bias"));
    const Array<T> gate = convolve(a, in.at("input"), spectral_normed(a, in, "gate_weight"), in.at("gate_bias"));
    for (size_t i = 0; i < feature.values.size(); i++) {
      feature.values[i] = activate(a.word("activation", "none"), feature.values[i], a.real("negative_slope", 0.2)) *
                          activate<T>("sigmoid", gate.values[i], 0);
    }
    normalise(a, in, feature);
    return feature;
  }
};

Array<double> bound(const Attributes &a, const Operands<double> &in) {
  if (a.word("norm", "none") != "none" || a.word("spectral_norm", "none") != "none")
    return relative_bound(GatedConv2d::value(a, in), std::max(spectral_condition(a, in, "feature_weight"),
                                                              spectral_condition(a, in, "gate_weight")));
  const bool winograd = is_winograd(a, in.at("feature_weight"), 8, 16);
  const Array<double> feature_error =
      convolution_bound(a, in.at("input"), in.at("feature_weight"), in.at("feature_bias"), winograd);
  const Array<double> gate_error =
      convolution_bound(a, in.at("input"), in.at("gate_weight"), in.at("gate_bias"), winograd);
  const Array<double> feature = convolve(a, in.at("input"), in.at("feature_weight"), in.at("feature_bias"));
  const Array<double> gate = convolve(a, in.at("input"), in.at("gate_weight"), in.at("gate_bias"));
  return gated_bound(a, feature, gate, feature_error, gate_error);
}

// A gate whose convolution is 0 and whose bias is 1000 is exactly 1: the rest is whole numbers.
const std::map<std::string, double> kOpen{{"gate_weight", 0}, {"gate_bias", 1000}};

const RegisterLayerCases registered(
    "gated_conv2d", make_reference<GatedConv2d>(bound),
    {
        {"", "elu_k3", "kernel=3 channels=12 padding=same activation=elu", {{2, 6, 12, 11}}, false},
        {"", "elu_k5", "kernel=5 channels=24 padding=same activation=elu", {{1, 5, 9, 14}}, false},
        {"", "relu_dilation2", "kernel=3 dilation=2 channels=8 padding=same activation=relu", {{1, 8, 12, 11}}, false},
        {"",
         "elu_dilation16",
         "kernel=3 dilation=16 channels=17 padding=same activation=elu",
         {{1, 16, 20, 19}},
         false},
        {"", "elu_stride2", "kernel=3 stride=2 channels=8 padding=same activation=elu", {{1, 7, 14, 12}}, false},
        {"", "tanh_stride2_odd", "kernel=3 stride=2 channels=9 padding=same activation=tanh", {{1, 4, 11, 9}}, false},
        {"", "elu_upsample2", "kernel=3 upsample=2 channels=6 padding=same activation=elu", {{1, 8, 7, 6}}, false},
        {"", "leaky_k1", "kernel=1 channels=33 activation=leaky_relu", {{1, 19, 5, 7}}, false},
        {"", "none_nobias", "kernel=3 channels=8 padding=same bias=false", {{1, 6, 10, 9}}, false},
        {"", "groups2_leaky", "kernel=3 channels=10 groups=2 padding=1 activation=leaky_relu", {{2, 8, 6, 7}}, false},
        {"",
         "reflect_tanh",
         "kernel=3 channels=6 padding=1 padding_mode=reflect activation=tanh",
         {{2, 5, 9, 11}},
         false},
        {"", "upsample1p5", "kernel=3 upsample=1.5 channels=6 padding=1 activation=elu", {{1, 5, 5, 6}}, false},
        {"", "norm", "kernel=3 channels=9 padding=1 norm=batch_eval activation=leaky_relu", {{2, 5, 6, 7}}, false},
        {"",
         "norm_spectral",
         "kernel=3 channels=9 upsample=2 padding=1 norm=batch_eval spectral_norm=eval activation=elu",
         {{1, 5, 5, 4}},
         false},
        {"", "open_relu", "kernel=3 channels=20 padding=same activation=relu", {{1, 9, 10, 13}}, true, kOpen, {}},
        {"", "open_none_k5", "kernel=5 channels=8 padding=2", {{1, 9, 10, 13}}, true, kOpen, {}},
        {"", "open_stride2", "kernel=3 stride=2 channels=8 padding=same", {{1, 9, 10, 13}}, true, kOpen, {}},
        {"", "open_upsample2", "kernel=3 upsample=2 channels=8 padding=same", {{1, 9, 5, 6}}, true, kOpen, {}},
    });

// By other ways than the direct sum of channels.
const RegisterLayerCases transformed(
    "gated_conv2d", make_reference<GatedConv2d>(bound),
    {
        {"", "winograd", "kernel=3 channels=48 padding=same activation=elu", {{2, 32, 13, 18}}, false},
        {"", "winograd_tail", "kernel=3 channels=24 padding=same activation=tanh", {{1, 24, 9, 31}}, false},
        {"",
         "winograd_dilation",
         "kernel=3 channels=19 dilation=3,2 padding=1,4,0,2 activation=leaky_relu",
         {{2, 17, 11, 12}},
         false},
        {"",
         "winograd_upsample2",
         "kernel=3 channels=24 upsample=2 padding=same activation=elu",
         {{2, 19, 7, 10}},
         false},
        {"",
         "winograd_upsample2_dilation",
         "kernel=3 channels=16 upsample=2 dilation=2,3 padding=same activation=leaky_relu",
         {{1, 16, 5, 8}},
         false},
        {"",
         "winograd_dilation_beyond",
         "kernel=3 channels=16 dilation=3000,20 padding=same activation=elu",
         {{2, 16, 5, 8}},
         false},
        {"", "winograd_stride2", "kernel=3 channels=48 stride=2 padding=same activation=elu", {{1, 24, 14, 19}}, false},
        {"", "winograd_stride2_tail", "kernel=3 channels=19 stride=2 padding=0,2,3,1", {{2, 17, 9, 31}}, false},
        {"", "winograd_k5", "kernel=5 channels=16 padding=same activation=elu", {{2, 5, 9, 13}}, false},
        {"", "winograd_k5_24_channels", "kernel=5 channels=24 padding=2,0,1,3", {{1, 4, 7, 31}}, false},
        {"", "winograd_k5_9_channels", "kernel=5 channels=9 dilation=3,2 padding=same", {{2, 11, 3, 5}}, false},
        {"", "winograd_8_channels", "kernel=3 channels=8 padding=same activation=elu", {{1, 16, 9, 7}}, false},
        {"", "winograd_12_channels", "kernel=3 channels=12 padding=2,0,1,3 activation=elu", {{2, 24, 9, 31}}, false},
        {"", "winograd_15_channels", "kernel=3 channels=15 upsample=2 padding=same", {{1, 17, 5, 4}}, false},
        {"", "winograd_17_channels", "kernel=3 channels=17 dilation=2 padding=same", {{1, 16, 9, 7}}, false},
        {"",
         "groups_below_winograd",
         "kernel=3 channels=20 groups=2 padding=same activation=elu",
         {{2, 32, 9, 7}},
         false},
        {"",
         "winograd_norm",
         "kernel=3 channels=16 padding=same norm=batch_eval activation=elu",
         {{1, 16, 1, 2}},
         false},
    });

}  // namespace
}  // namespace sluice::testing
