// SPDX-License-Identifier: Apache-2.0
// A pointwise nonlinearity on its own.
#include "activation_functions.h"
#include "layer_generators.h"
#include "tensor_extents.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct Activation : sluice::LayerDefaults {
  static constexpr const char *kName = "activation";
  static constexpr const char *kSummary = "output = activation(input)";
  static constexpr bool kAnyRank = true;
  GeneratorParam<std::string> activation{"activation", "elu"};

  std::vector<Port> inputs() const { return {sluice::tensor("input")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const {
    return {{"activation",
             sluice::Attribute::Kind::variant,
             "",
             {},
             {},
             {"none+relu+leaky_relu", "elu", "tanh+sigmoid", "hardtanh"}},
            {"negative_slope", sluice::Attribute::Kind::real, "0.2", {}, {}, {}}};
  }
  std::map<std::string, std::string> variants() const { return {{"activation", activation.value()}}; }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    return sluice::tensor_extents(in["input"]);
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    stages.add("output")(c, x, y, n) = sluice::activate(activation, in["input"](c, x, y, n), in);
    return stages;
  }
};

SLUICE_REGISTER_LAYER(Activation, activation)
