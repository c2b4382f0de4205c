// SPDX-License-Identifier: Apache-2.0
// Mean over a picture, one number a channel. Rows are summed first, then their sums: the order does not depend on
// threads.
#include "layer_generators.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct GlobalAvgPool2d : sluice::LayerDefaults {
  static constexpr const char *kName = "global_avg_pool2d";
  static constexpr const char *kSummary = "output [n c 1 1] = mean of the input over h and w";

  std::vector<Port> inputs() const { return {sluice::tensor("input")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const { return {}; }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    const auto &e = in["input"].extent;
    return {e.at("c"), 1, 1, e.at("n")};
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const auto &e = in["input"].extent;
    const RDom along(0, e.at("x")), down(0, e.at("y"));
    Func &row_sum = stages.add("row_sum"), &total = stages.add("total");
    row_sum(c, y, n) = in.constant(0);
    row_sum(c, y, n) += in["input"](c, along, y, n);
    total(c, n) = in.constant(0);
    total(c, n) += row_sum(c, down, n);
    stages.add("output")(c, x, y, n) = total(c, n) * (in.constant(1) / cast(in.element, e.at("x") * e.at("y")));
    return stages;
  }
};

SLUICE_REGISTER_LAYER(GlobalAvgPool2d, global_avg_pool2d)
