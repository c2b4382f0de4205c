// SPDX-License-Identifier: Apache-2.0
// Softmax over channels, shifted by the largest. The shift carries no gradient and Halide can't differentiate a running
// maximum: backward gets it as saved stage `row_max`.
#include "layer_generators.h"
#include "tensor_extents.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct Softmax : sluice::LayerDefaults {
  static constexpr const char *kName = "softmax";
  static constexpr const char *kSummary = "output = exp(input) / sum of exp(input) over channels";
  static constexpr bool kAnyRank = true;

  std::vector<Port> inputs() const { return {sluice::tensor("input")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<Port> saved() const { return {sluice::port("row_max", {{"x", ""}, {"y", ""}, {"n", ""}})}; }
  std::vector<sluice::Attribute> attributes() const {
    return {{"axis", sluice::Attribute::Kind::note, "channels", {}, {}, {"channels"}}};
  }
  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    std::vector<Expr> all = sluice::tensor_extents(in["input"]);
    if (port == "row_max") all.erase(all.begin());
    return all;
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const sluice::Operand &input = in["input"];
    const RDom r(0, input.extent.at("c"));
    Func &row_max = stages.add("row_max"), &unnormalised = stages.add("unnormalised"), &row_sum = stages.add("row_sum");
    if (in.has("saved_row_max")) {
      row_max(x, y, n) = in["saved_row_max"](x, y, n);
    } else {
      row_max(x, y, n) = in.element.min();
      row_max(x, y, n) = max(row_max(x, y, n), input(r, x, y, n));
    }
    unnormalised(c, x, y, n) = exp(input(c, x, y, n) - row_max(x, y, n));
    row_sum(x, y, n) = in.constant(0);
    row_sum(x, y, n) += unnormalised(r, x, y, n);
    stages.add("output")(c, x, y, n) = unnormalised(c, x, y, n) / row_sum(x, y, n);
    return stages;
  }
};

SLUICE_REGISTER_LAYER(Softmax, softmax)
