// SPDX-License-Identifier: Apache-2.0
// The loss of a classifier from its scores: -log of softmax's value at the label, a mean over pixels and pictures. As
// in softmax.cpp backward gets the largest score of a pixel as saved stage `row_max`. Labels are clamped to the
// channels there are; an input's `range=` refuses others.
#include "layer_generators.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct SoftmaxCrossEntropy : sluice::LayerDefaults {
  static constexpr const char *kName = "softmax_cross_entropy";
  static constexpr const char *kSummary =
      "output [1] = scale * mean of log(sum over channels of exp(input)) - input at the channel labels [n 1 h w], [n]";
  static constexpr bool kAnyRank = true;

  std::vector<Port> inputs() const { return {sluice::tensor("input"), sluice::tensor("labels").constant()}; }
  std::vector<Port> outputs() const { return {sluice::port("output", {{"n", ""}})}; }
  std::vector<Port> saved() const { return {sluice::port("row_max", {{"x", ""}, {"y", ""}, {"n", ""}})}; }
  std::vector<sluice::Attribute> attributes() const {
    return {{"scale", sluice::Attribute::Kind::real, "1", {}, {}, {}}};
  }
  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    const auto &e = in["input"].extent;
    if (port == "row_max") return {e.at("x"), e.at("y"), e.at("n")};
    return {1};
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var x("x"), y("y"), n("n");
    const sluice::Operand &input = in["input"];
    const auto &e = input.extent;
    const RDom channel(0, e.at("c")), column(0, e.at("x")), rows(0, e.at("y"), 0, e.at("n"));
    Func &row_max = stages.add("row_max"), &exp_sum = stages.add("exp_sum"), &loss = stages.add("pixel_loss"),
         &row = stages.add("row_sum"), &total = stages.add("total");
    if (in.has("saved_row_max")) {
      row_max(x, y, n) = in["saved_row_max"](x, y, n);
    } else {
      row_max(x, y, n) = in.element.min();
      row_max(x, y, n) = max(row_max(x, y, n), input(channel, x, y, n));
    }
    exp_sum(x, y, n) = in.constant(0);
    exp_sum(x, y, n) += exp(input(channel, x, y, n) - row_max(x, y, n));
    const Expr label = clamp(cast<int>(in["labels"](0, x, y, n)), 0, e.at("c") - 1);
    loss(x, y, n) = log(exp_sum(x, y, n)) - (input(label, x, y, n) - row_max(x, y, n));
    row(y, n) = in.constant(0);
    row(y, n) += loss(column, y, n);
    total(n) = in.constant(0);
    total(n) += row(rows[0], rows[1]);
    const Expr count = cast(in.element, e.at("x")) * cast(in.element, e.at("y") * e.at("n"));
    stages.add("output")(n) = total(n) / count * in.scalar("scale");
    return stages;
  }
};

SLUICE_REGISTER_LAYER(SoftmaxCrossEntropy, softmax_cross_entropy)
