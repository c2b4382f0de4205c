// SPDX-License-Identifier: Apache-2.0
// Every pixel's vector of channels at unit length. Without an eps a vector of zeros becomes NaN, as published programs
// have it (arnabgho/iSketchNFill: models/networks_sparse.py divides by the norm alone).
#include "layer_generators.h"
#include "tensor_extents.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct L2Normalize : sluice::LayerDefaults {
  static constexpr const char *kName = "l2_normalize";
  static constexpr const char *kSummary = "output = input / max(|input|, eps), the length taken over channels";
  static constexpr bool kAnyRank = true;

  std::vector<Port> inputs() const { return {sluice::tensor("input")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const {
    return {{"eps", sluice::Attribute::Kind::real, "0", {}, {}, {}}};
  }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    return sluice::tensor_extents(in["input"]);
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const sluice::Operand &input = in["input"];
    const RDom r(0, input.extent.at("c"));
    const Expr eps = in.scalar("eps");
    Func &squares = stages.add("squares"), &inverse = stages.add("inverse");
    squares(x, y, n) = in.constant(0);
    squares(x, y, n) += input(r, x, y, n) * input(r, x, y, n);
    // sqrt(max(s, eps^2)) is max(sqrt(s), eps) without the infinite slope of sqrt at 0.
    inverse(x, y, n) = in.constant(1) / sqrt(max(squares(x, y, n), eps * eps));
    stages.add("output")(c, x, y, n) = input(c, x, y, n) * inverse(x, y, n);
    return stages;
  }
};

SLUICE_REGISTER_LAYER(L2Normalize, l2_normalize)
