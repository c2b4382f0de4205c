// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/convolution_reference.h"

namespace sluice::testing {
namespace {

// The operands of one of the two convolutions, by the names they have where a convolution stands alone.
template <typename T>
Operands<T> part_of(const Operands<T> &in, const std::string &part) {
  Operands<T> own;
  for (const char *name : {"weight", "bias", "norm_weight", "norm_bias", "running_mean", "running_var"}) {
    const auto found = in.find(part + "_" + name);
    own[name] = found == in.end() ? Array<T>() : found->second;
  }
  return own;
}

// A depthwise convolution is one of as many groups as channels; the other one has no border.
Attributes depthwise_of(const Attributes &a, int64_t channels) { return a.with("groups", std::to_string(channels)); }
Attributes pointwise_of(const Attributes &a) { return a.with("padding", "0").with("groups", "1"); }

template <typename T>
Array<T> convolved(const Attributes &a, const Attributes &geometry, const Array<T> &input, const Operands<T> &part) {
  Array<T> output = convolve(geometry, input, part.at("weight"), part.at("bias"));
  normalise(a, part, output);
  for (T &v : output.values) v = activate(a.word("activation", "none"), v, a.real("negative_slope", 0.2));
  return output;
}

struct DepthwiseSeparableConv2d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Array<T> &input = in.at("input");
    const Array<T> between = convolved(a, depthwise_of(a, input.shape[1]), input, part_of(in, "depthwise"));
    return convolved(a, pointwise_of(a), between, part_of(in, "pointwise"));
  }
};

// Of the sums' magnitudes: the error of what is between passes through the second sum.
Array<double> bound(const Attributes &a, const Operands<double> &in) {
  const Array<double> &input = in.at("input");
  if (a.word("norm", "none") != "none") return relative_bound(DepthwiseSeparableConv2d::value(a, in));
  const Operands<double> first = part_of(in, "depthwise"), second = part_of(in, "pointwise");
  const Attributes depthwise = depthwise_of(a, input.shape[1]), pointwise = pointwise_of(a);
  const Array<double> error = convolution_bound(depthwise, input, first.at("weight"), first.at("bias"));
  const Array<double> between = convolved(a, depthwise, input, first);
  Array<double> allowed = convolution_bound(pointwise, between, second.at("weight"), second.at("bias"));
  const Array<double> passed = convolve(pointwise, error, magnitudes(second.at("weight")), Array<double>());
  for (size_t i = 0; i < allowed.values.size(); i++) allowed.values[i] += passed.values[i];
  return allowed;
}

const RegisterLayerCases registered(
    "depthwise_separable_conv2d", make_reference<DepthwiseSeparableConv2d>(bound),
    {
        {"", "few_channels", "channels=5 padding=1", {{2, 9, 10, 11}}, true},
        {"", "tiled", "channels=40 padding=same activation=relu", {{1, 35, 7, 13}}, true},
        {"", "tiled_to_few", "channels=3 padding=1", {{2, 16, 9, 8}}, true},
        {"", "tiled_wide", "channels=32 padding=same", {{1, 32, 5, 70}}, true},
        {"",
         "no_border_nobias",
         "channels=33 bias=false activation=leaky_relu negative_slope=0.5",
         {{1, 17, 6, 9}},
         true},
        {"", "asymmetric", "channels=16 padding=0,2,1,0", {{2, 20, 5, 6}}, true},
        {"", "norm_relu", "channels=24 padding=1 norm=batch_eval activation=relu", {{2, 18, 7, 8}}, false},
        {"", "norm_few_nobias", "channels=6 padding=1 norm=batch_eval norm_eps=0.1 bias=false", {{2, 9, 7, 8}}, false},
        {"", "one_pixel", "channels=32 padding=1", {{3, 48, 1, 1}}, true},
    });

}  // namespace
}  // namespace sluice::testing
