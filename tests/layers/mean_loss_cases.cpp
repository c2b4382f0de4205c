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
        return found == in.end() ? T(neutral) : found->second.values[i];
      };
      output.values[0] += element(loss, input.values[i], other("reference", 0), other("mask", 1));
    }
    output.values[0] /= static_cast<double>(input.values.size());
    return output;
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
    if (loss == "lsgan_real") return (v - 1.0) * (v - 1.0);
    if (loss == "lsgan_fake") return v * v;
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
  bound.values[0] = 2e-6 * (std::fabs(bound.values[0]) + 1);
  return bound;
}

const std::vector<int64_t> kShape = {2, 5, 6, 7}, kWide = {1, 35, 8, 9}, kFlat = {2, 1, 40, 33};

const RegisterLayerCases registered(
    "mean_loss", make_reference<MeanLoss>(rounding),
    {
        {"", "bce", "loss=bce", {kShape, kShape}, false, {{"input", 0.3}}, {"reference"}},
        {"", "bce_with_logits", "loss=bce_with_logits", {kWide, kWide}, false, {}, {"reference"}},
        {"", "hinge_d", "loss=hinge_d", {kFlat, kFlat}},
        {"", "hinge_g", "loss=hinge_g", {kFlat}},
        {"", "l1", "loss=l1", {kWide, kWide}},
        {"", "l1_video", "loss=l1", {{1, 4, 4, 8, 8}, {1, 4, 4, 8, 8}}, true},
        {"", "lsgan_real", "loss=lsgan_real", {{2, 1, 15, 15}}},
        {"", "lsgan_fake", "loss=lsgan_fake", {{2, 1, 16, 16}}, true},
        {"", "masked_l2", "loss=masked_l2", {kShape, kShape, kShape}, false, {}, {"mask"}},
        {"", "wgan_real", "loss=wgan_real", {{16}}, true},
        {"", "wgan_fake", "loss=wgan_fake", {{16, 4}}, true},
    });

}  // namespace
}  // namespace sluice::testing
