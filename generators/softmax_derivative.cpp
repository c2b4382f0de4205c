// SPDX-License-Identifier: Apache-2.0
// The derivative of softmax along a direction, from what softmax made, as a layer: gradient penalties differentiate it
// again, and the adjoint of `softmax` goes on through softmax itself.
#include "layer_generators.h"
#include "tensor_extents.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct SoftmaxDerivative : sluice::LayerDefaults {
  static constexpr const char *kName = "softmax_derivative";
  static constexpr const char *kSummary =
      "output = softmax * (direction - sum of softmax * direction over channels); softmax: what that layer made";
  static constexpr bool kAnyRank = true;

  std::vector<Port> inputs() const { return {sluice::tensor("softmax"), sluice::tensor("direction")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const { return {}; }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    return sluice::tensor_extents(in["softmax"]);
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const sluice::Operand &softmax = in["softmax"], &direction = in["direction"];
    const RDom r(0, softmax.extent.at("c"));
    Func &along = stages.add("along");
    along(x, y, n) = in.constant(0);
    along(x, y, n) += softmax(r, x, y, n) * direction(r, x, y, n);
    stages.add("output")(c, x, y, n) = softmax(c, x, y, n) * (direction(c, x, y, n) - along(x, y, n));
    return stages;
  }
};

SLUICE_REGISTER_LAYER(SoftmaxDerivative, softmax_derivative)
