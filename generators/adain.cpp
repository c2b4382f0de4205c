// SPDX-License-Identifier: Apache-2.0
// Adaptive instance normalisation (Huang and Belongie, arXiv 1703.06868): instance normalisation whose weight and bias
// are inputs, one a picture and channel.
#include "statistics.h"

using namespace Halide;
using sluice::Context;
using sluice::Moments;
using sluice::Port;
using sluice::Stages;

struct Adain : sluice::LayerDefaults {
  static constexpr const char *kName = "adain";
  static constexpr const char *kSummary =
      "output = (input - mean) / sqrt(variance + eps) * weight + bias, statistics of each channel of each picture, "
      "weight and bias inputs [n c]";
  static constexpr bool kAnyRank = true;

  std::vector<Port> inputs() const {
    return {sluice::tensor("input"), sluice::port("weight", {{"c", ""}, {"n", ""}}),
            sluice::port("bias", {{"c", ""}, {"n", ""}})};
  }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const {
    return {{"eps", sluice::Attribute::Kind::real, "1e-5", {}, {}, {}}};
  }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    return sluice::tensor_extents(in["input"]);
  }

  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), n("n");
    const Moments plane = sluice::plane_moments(stages, in);
    const Expr scale = in["weight"](c, n) / sqrt(plane.variance(stages, {c, n}) + in.scalar("eps"));
    sluice::normalise(stages, in, plane.mean(stages, {c, n}), scale, in["bias"](c, n));
    return stages;
  }
};

SLUICE_REGISTER_LAYER(Adain, adain)
