// SPDX-License-Identifier: Apache-2.0
// The gated linear unit: half of the channels opened by the other half. Source: Dauphin, Fan, Auli, Grangier, Language
// Modeling with Gated Convolutional Networks (arXiv 1612.08083), there without an activation; as
// torch.nn.functional.glu along channels. A gated convolution is one convolution of twice the channels and this;
// training runs it so.
#include "activation_functions.h"
#include "layer_generators.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct Glu : sluice::LayerDefaults {
  static constexpr const char *kName = "glu";
  static constexpr const char *kSummary =
      "output = activation(first half of the input's channels) * sigmoid(second half)";
  static constexpr bool kAnyRank = true;
  GeneratorParam<std::string> activation{"activation", "none+relu+leaky_relu"};

  std::vector<Port> inputs() const { return {sluice::tensor("input")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const {
    return {{"activation", sluice::Attribute::Kind::variant, "none", {}, {}, {"none+relu+leaky_relu", "elu", "tanh"}},
            {"negative_slope", sluice::Attribute::Kind::real, "0.2", {}, {}, {}}};
  }
  std::map<std::string, std::string> variants() const { return {{"activation", activation.value()}}; }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    const auto &e = in["input"].extent;
    return {e.at("c") / 2, e.at("x"), e.at("y"), e.at("n")};
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const Var half("half");
    Func &halves = stages.add("halves");  // an axis of its own, so that the gradient of each is asked for once
    halves(c, half, x, y, n) = in["input"](c + half * (in["input"].extent.at("c") / 2), x, y, n);
    stages.add("output")(c, x, y, n) =
        sluice::activate(activation, halves(c, 0, x, y, n), in) * sluice::sigmoid(halves(c, 1, x, y, n), in);
    return stages;
  }
};

SLUICE_REGISTER_LAYER(Glu, glu)
