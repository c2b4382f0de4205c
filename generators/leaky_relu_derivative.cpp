// SPDX-License-Identifier: Apache-2.0
// The derivative of (leaky) ReLU along a direction, as a layer: gradient penalties differentiate it again. As the
// function is piecewise linear, its second derivative is 0 and `input` has no gradient.
#include "layer_generators.h"
#include "tensor_extents.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct LeakyReluDerivative : sluice::LayerDefaults {
  static constexpr const char *kName = "leaky_relu_derivative";
  static constexpr const char *kSummary = "output = direction where input > 0, else negative_slope * direction";
  static constexpr bool kAnyRank = true;

  std::vector<Port> inputs() const { return {sluice::tensor("input").constant(), sluice::tensor("direction")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const {
    return {{"negative_slope", sluice::Attribute::Kind::real, "0.2", {}, {}, {}}};
  }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    return sluice::tensor_extents(in["direction"]);
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const Expr direction = in["direction"](c, x, y, n);
    stages.add("output")(c, x, y, n) =
        select(in["input"](c, x, y, n) > in.constant(0), direction, in.scalar("negative_slope") * direction);
    return stages;
  }
};

SLUICE_REGISTER_LAYER(LeakyReluDerivative, leaky_relu_derivative)
