// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

struct MeanLoss {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Array<T> &input = in.at("input");
    const std::string loss = a.word("loss", "");
    Array<T> output({1});
    for (size_t i = 0; i < input.values.size(); i++) {
      const auto other = [&](const char *port, double neutral) {
        const auto found = in.find(port);
        return found == in.end() ? T(neutral) : broadcast(found->second, input.shape, i);
      };
      output.values[0] += element(loss, input.values[i], other("reference", 0), other("mask", 1));
    }
    output.values[0] *= a.real("scale", 1) / static_cast<double>(input.values.size());
    return output;
  }

  // What element i of a tensor of this shape meets in `array`, which may have one channel.
  template <typename T>
  static T broadcast(const Array<T> &array, const std::vector<int64_t> &shape, size_t i) {
    if (array.shape == shape) return array.values[i];
    int64_t pixels = 1;
    for (size_t d = 2; d < shape.size(); d++) pixels *= shape[d];
    const int64_t at = static_cast<int64_t>(i);
    return array.values[static_cast<size_t>(at / pixels / shape[1] * pixels + at % pixels)];
  }

  template <typename T>
  static T element(const std::string &loss, const T &v, const T &t, const T &mask) {
    using std::exp;
    using std::log;
    const auto positive = [](const T &u) { return real_part(u) > 0 ? u : T(0); };
    if (loss == "bce") return -(t * log(v) + (1.0 - t) * log(1.0 - v));
    if (loss == "bce_with_logits") return positive(v) - v * t + log(1.0 + exp(real_part(v) > 0 ? -v : v));
    if (loss == "hinge_d") return 0.5 * (positive(1.0 - v) + positive(1.0 + t));
    if (loss == "l1") return positive(v - t) + positive(t - v);
    if (loss == "l2") return (v - t) * (v - t);
    if (loss == "lsgan_real") return (v - 1.0) * (v - 1.0);
    if (loss == "lsgan_fake") return v * v;
    if (loss == "masked_l1") return mask * (positive(v - t) + positive(t - v));
    if (loss == "masked_l2") return mask * (v - t) * (v - t);
    if (loss == "wgan_real") return v;
    if (loss == "wgan_fake" || loss == "hinge_g") return -v;
    throw std::runtime_error("unknown loss " + loss);
  }
};

// The mean of the magnitudes bounds the rounding of a sum that cancels.
Array<double> rounding(const Attributes &a, const Operands<double> &in) {
  Operands<double> magnitudes = in;
  for (double &v : magnitudes.at("input").values) v = std::fabs(v);
  Array<double> bound = MeanLoss::value(a, magnitudes);
  bound.values[0] = 2e-6 * (std::fabs(bound.values[0]) + std::fabs(a.real("scale", 1)));
  return bound;
}

const std::vector<int64_t> kShape = {2, 5, 6, 7}, kWide = {1, 35, 8, 9}, kFlat = {2, 1, 40, 33};

const RegisterLayerCases registered(
    "mean_loss", make_reference<MeanLoss>(rounding),
    {
        {"", "bce", "loss=bce", {kShape, kShape}, false, {{"input", 0.3}}, {"reference"}},
        {"", "bce_scaled", "loss=bce scale=0.25", {kWide, kWide}, false, {{"input", 0.7}}, {"reference"}},
        {"", "bce_with_logits", "loss=bce_with_logits", {kWide, kWide}, false, {}, {"reference"}},
        {"", "hinge_d", "loss=hinge_d", {kFlat, kFlat}},
        {"", "hinge_g", "loss=hinge_g", {kFlat}},
        {"", "l1", "loss=l1", {kWide, kWide}},
        {"", "l1_video", "loss=l1", {{1, 4, 4, 8, 8}, {1, 4, 4, 8, 8}}, true},
        {"", "l2", "loss=l2", {kWide, kWide}},
        {"", "l2_scaled", "loss=l2 scale=-0.5", {{1, 4, 8, 8}, {1, 4, 8, 8}}, true},
        {"", "lsgan_real", "loss=lsgan_real", {{2, 1, 15, 15}}},
        {"", "lsgan_fake", "loss=lsgan_fake", {{2, 1, 16, 16}}, true},
        {"", "masked_l1", "loss=masked_l1 scale=10", {kShape, kShape, kShape}, false, {}, {"mask"}},
        {"", "masked_l1_one_channel", "loss=masked_l1", {kWide, kWide, {1, 1, 8, 9}}, false, {}, {"mask"}},
        {"", "masked_l2", "loss=masked_l2", {kShape, kShape, kShape}, false, {}, {"mask"}},
        {"", "wgan_real", "loss=wgan_real", {{16}}, true},
        {"", "wgan_fake", "loss=wgan_fake", {{16, 4}}, true},
    });

}  // namespace
}  // namespace sluice::testing
