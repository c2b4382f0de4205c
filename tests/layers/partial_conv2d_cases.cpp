// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/convolution_reference.h"

namespace sluice::testing {
namespace {

// What the window of a pixel saw of the mask: its sum, and the largest it can be.
struct Coverage {
  Array<double> sum;
  double window = 0;

  template <typename T>
  Coverage(const Attributes &a, const Operands<T> &in) {
    const bool many = a.word("mask_channels", "1") == "input";
    const auto &mask = in.at("mask");
    const auto &weight = in.at("weight");
    Array<double> valid(mask.shape), ones({1, many ? mask.shape[1] : 1, weight.shape[2], weight.shape[3]});
    for (size_t i = 0; i < mask.values.size(); i++) valid.values[i] = real_part(mask.values[i]);
    for (double &v : ones.values) v = 1;
    sum = convolve(a, valid, ones, {});
    window = static_cast<double>(ones.values.size());
  }
  double seen(size_t i) const { return std::clamp(sum.values[i], 0.0, 1.0); }
};

struct PartialConv2d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Coverage covered(a, in);
    const auto &mask = in.at("mask");
    Array<T> valid = in.at("input");
    const int64_t channels = valid.shape[1], space = valid.shape[2] * valid.shape[3];
    for (size_t i = 0; i < valid.values.size(); i++) {
      const int64_t at = static_cast<int64_t>(i), n = at / (channels * space), c = at / space % channels;
      valid.values[i] *=
          mask.values[static_cast<size_t>((n * mask.shape[1] + (mask.shape[1] == 1 ? 0 : c)) * space + at % space)];
    }
    Array<T> output = convolve(a, valid, in.at("weight"), {});
    const bool biased = a.word("bias", "true") == "true";
    const int64_t outputs = output.shape[1], pixels = output.shape[2] * output.shape[3];
    const double eps = static_cast<double>(static_cast<float>(a.real("eps", 1e-8)));
    for (size_t i = 0; i < output.values.size(); i++) {
      const int64_t at = static_cast<int64_t>(i);
      const auto p = static_cast<size_t>(at / (outputs * pixels) * pixels + at % pixels);
      const double ratio = covered.window / (covered.sum.values[p] + eps) * covered.seen(p);
      output.values[i] *= ratio;
      if (biased) {
        output.values[i] += in.at("bias").values[static_cast<size_t>(at / pixels % outputs)];
        output.values[i] *= covered.seen(p);
      }
      output.values[i] = activate(a.word("activation", "none"), output.values[i], a.real("negative_slope", 0.2));
    }
    return output;
  }
};

Array<double> new_mask(const Attributes &a, const Operands<double> &in) {
  const Coverage covered(a, in);
  const auto &s = covered.sum.shape;
  const int64_t channels = a.word("mask_channels", "1") == "input" ? in.at("weight").shape[0] : 1;
  Array<double> mask({s[0], channels, s[2], s[3]});
  const auto pixels = static_cast<size_t>(s[2] * s[3]), each = pixels * static_cast<size_t>(channels);
  for (size_t i = 0; i < mask.values.size(); i++) mask.values[i] = covered.seen(i / each * pixels + i % pixels);
  return mask;
}

LayerReference reference() {
  LayerReference made = make_reference<PartialConv2d>();
  made.others["new_mask"] = new_mask;
  return made;
}

const RegisterLayerCases registered(
    "partial_conv2d", reference(),
    {
        {"", "k3", "kernel=3 channels=9 padding=1", {{2, 5, 11, 12}, {2, 1, 11, 12}}, false, {}, {"mask"}},
        {"", "k3_wide", "kernel=3 channels=40 padding=1", {{1, 19, 6, 21}, {1, 1, 6, 21}}, false, {}, {"mask"}},
        {"",
         "k5_stride2_nobias",
         "kernel=5 stride=2 channels=8 padding=2 bias=false",
         {{2, 4, 12, 12}, {2, 1, 12, 12}},
         false,
         {},
         {"mask"}},
        {"",
         "k3_dilation2",
         "kernel=3 dilation=2 channels=6 padding=2",
         {{1, 5, 12, 13}, {1, 1, 12, 13}},
         false,
         {},
         {"mask"}},
        {"",
         "k7_same",
         "kernel=7 stride=2 channels=6 padding=same",
         {{1, 3, 12, 13}, {1, 1, 12, 13}},
         false,
         {},
         {"mask"}},
        {"",
         "mask_per_channel",
         "kernel=3 channels=7 padding=1 mask_channels=input",
         {{2, 5, 10, 11}, {2, 5, 10, 11}},
         false,
         {},
         {"mask"}},
        {"",
         "mask_per_channel_wide_stride2",
         "kernel=3 stride=2 channels=33 padding=1 mask_channels=input bias=false activation=relu",
         {{1, 18, 9, 10}, {1, 18, 9, 10}},
         false,
         {},
         {"mask"}},
        {"",
         "leaky_eps",
         "kernel=3 channels=9 padding=1 eps=1e-6 activation=leaky_relu",
         {{1, 5, 7, 9}, {1, 1, 7, 9}},
         false,
         {},
         {"mask"}},
        {"", "no_padding", "kernel=3 channels=9", {{1, 5, 7, 9}, {1, 1, 7, 9}}, false, {}, {"mask"}},
    });

}  // namespace
}  // namespace sluice::testing
