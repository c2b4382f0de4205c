// SPDX-License-Identifier: Apache-2.0
// The derivative of instance normalisation without weight and bias along a direction, as a layer: gradient penalties
// differentiate it again. With r = (variance + eps)^-1/2 and c = input - mean, over each channel of each picture,
//   output = r (direction - mean(direction)) - r^3 c mean(c direction).
#include "layer_generators.h"
#include "tensor_extents.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct InstanceNorm2dDerivative : sluice::LayerDefaults {
  static constexpr const char *kName = "instance_norm2d_derivative";
  static constexpr const char *kSummary =
      "output = the derivative of (input - mean) / sqrt(variance + eps) along direction, statistics of each channel of "
      "each picture";
  static constexpr bool kAnyRank = true;

  std::vector<Port> inputs() const { return {sluice::tensor("input"), sluice::tensor("direction")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const {
    return {{"eps", sluice::Attribute::Kind::real, "1e-5", {}, {}, {}}};
  }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    return sluice::tensor_extents(in["input"]);
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const sluice::Operand &input = in["input"], &direction = in["direction"];
    const auto of_input = [&](const Expr &at_x, const Expr &at_y) { return input(c, at_x, at_y, n); };
    const auto of_direction = [&](const Expr &at_x, const Expr &at_y) { return direction(c, at_x, at_y, n); };
    const Func mean = mean_of("mean", in, stages, of_input),
               mean_along = mean_of("mean_along", in, stages, of_direction);
    const auto centred = [&](const Expr &at_x, const Expr &at_y) { return of_input(at_x, at_y) - mean(c, n); };
    const Func variance = mean_of("variance", in, stages, [&](const Expr &at_x, const Expr &at_y) {
      return centred(at_x, at_y) * centred(at_x, at_y);
    });
    const Func covariance = mean_of("covariance", in, stages, [&](const Expr &at_x, const Expr &at_y) {
      return centred(at_x, at_y) * (of_direction(at_x, at_y) - mean_along(c, n));
    });
    Func &scale = stages.add("scale"), &back = stages.add("back");
    scale(c, n) = in.constant(1) / sqrt(variance(c, n) + in.scalar("eps"));
    back(c, n) = scale(c, n) * scale(c, n) * scale(c, n) * covariance(c, n);
    stages.add("output")(c, x, y, n) =
        scale(c, n) * (of_direction(x, y) - mean_along(c, n)) - back(c, n) * centred(x, y);
    return stages;
  }

 private:
  // The mean of value(x, y) over a channel, at (c, n): rows first, then their sum.
  template <typename Value>
  static Func mean_of(const std::string &name, const Context &in, Stages &stages, const Value &value) {
    const Var c("c"), y("y"), n("n");
    const auto &e = in["input"].extent;
    const RDom across(0, e.at("x")), down(0, e.at("y"));
    Func &row = stages.add(name + "_row"), &total = stages.add(name + "_total"), &mean = stages.add(name);
    row(c, y, n) = in.constant(0);
    row(c, y, n) += value(across, y);
    total(c, n) = in.constant(0);
    total(c, n) += row(c, down, n);
    mean(c, n) = total(c, n) / cast(in.element, e.at("x") * e.at("y"));
    return mean;
  }
};

SLUICE_REGISTER_LAYER(InstanceNorm2dDerivative, instance_norm2d_derivative)
