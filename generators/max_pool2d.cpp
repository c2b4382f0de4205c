// SPDX-License-Identifier: Apache-2.0
// Maximum over a window. Padding never wins: a tap beyond the edge reads the nearest pixel, which is in the window too.
// The gradient goes to the first maximum, rows first (PyTorch); backward gets its position as saved stage `tap`,
// because Halide can't differentiate a running maximum.
#include "layer_generators.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct MaxPool2d : sluice::LayerDefaults {
  static constexpr const char *kName = "max_pool2d";
  static constexpr const char *kSummary = "output = maximum of a kernel_h x kernel_w window of the input";

  std::vector<Port> inputs() const { return {sluice::tensor("input")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<Port> saved() const { return {sluice::tensor("tap")}; }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {
        {"kernel", Kind::integer, "", {"kernel_h", "kernel_w"}, {}, {}},
        {"stride", Kind::integer, "", {"stride_h", "stride_w"}, {}, {}},
        {"padding", Kind::integer, "0", {"padding_top", "padding_bottom", "padding_left", "padding_right"}, {}, {}}};
  }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    const auto &e = in["input"].extent;
    const auto along = [&](const char *axis, const char *side, const char *before, const char *after) {
      const std::string h(side);
      return (e.at(axis) + in.scalar(before) + in.scalar(after) - in.scalar("kernel_" + h)) / in.scalar("stride_" + h) +
             1;
    };
    return {e.at("c"), along("x", "w", "padding_left", "padding_right"),
            along("y", "h", "padding_top", "padding_bottom"), e.at("n")};
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n"), kx("kx"), ky("ky");
    const sluice::Operand &input = in["input"];
    const Expr kw = in.scalar("kernel_w"), kh = in.scalar("kernel_h");
    Func &column = stages.add("column"), &row = stages.add("row");
    column(x, kx) = clamp(x * in.scalar("stride_w") + kx - in.scalar("padding_left"), 0, input.extent.at("x") - 1);
    row(y, ky) = clamp(y * in.scalar("stride_h") + ky - in.scalar("padding_top"), 0, input.extent.at("y") - 1);
    if (in.backward) {
      const Expr tap = clamp(cast<int>(in["saved_tap"](c, x, y, n)), 0, kw * kh - 1);
      stages.add("output")(c, x, y, n) = input(c, column(x, tap % kw), row(y, tap / kw), n);
      return stages;
    }
    const RDom r(0, kw, 0, kh);  // kx, ky
    const Expr value = input(c, column(x, r[0]), row(y, r[1]), n);
    Func &largest = stages.add("sum"), &first = stages.add("first");
    largest(c, x, y, n) = in.element.min();
    largest(c, x, y, n) = max(largest(c, x, y, n), value);
    first(c, x, y, n) = Tuple(in.element.min(), 0);
    const Expr wins = value > first(c, x, y, n)[0];
    first(c, x, y, n) =
        Tuple(select(wins, value, first(c, x, y, n)[0]), select(wins, r[1] * kw + r[0], first(c, x, y, n)[1]));
    stages.add("tap")(c, x, y, n) = cast(in.element, first(c, x, y, n)[1]);
    stages.add("output")(c, x, y, n) = largest(c, x, y, n);
    return stages;
  }
};

SLUICE_REGISTER_LAYER(MaxPool2d, max_pool2d)
