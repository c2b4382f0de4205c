// SPDX-License-Identifier: Apache-2.0
// A border around a picture: zeros, the picture mirrored at its outermost pixels, or those pixels repeated.
// (Convolutions pad by themselves.)
#include "layer_generators.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct Pad2d : sluice::LayerDefaults {
  static constexpr const char *kName = "pad2d";
  static constexpr const char *kSummary =
      "output = input with a border of padding = top,bottom,left,right; zeros, reflect, replicate";

  std::vector<Port> inputs() const { return {sluice::tensor("input")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"padding", Kind::integer, "", {"padding_top", "padding_bottom", "padding_left", "padding_right"}, {}, {}},
            {"padding_mode", Kind::variant, "zeros", {}, {}, {"zeros+reflect+replicate"}}};
  }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    const auto &e = in["input"].extent;
    return {e.at("c"), e.at("x") + in.scalar("padding_left") + in.scalar("padding_right"),
            e.at("y") + in.scalar("padding_top") + in.scalar("padding_bottom"), e.at("n")};
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const sluice::Operand &input = in["input"];
    const Expr u = x - in.scalar("padding_left"), v = y - in.scalar("padding_top");
    Func &column = stages.add("column"), &row = stages.add("row");
    column(x) = source(in, u, input.extent.at("x"));
    row(y) = source(in, v, input.extent.at("y"));
    const Expr beyond = u < 0 || u >= input.extent.at("x") || v < 0 || v >= input.extent.at("y");
    stages.add("output")(c, x, y, n) =
        select(beyond && in.scalar("padding_mode_kind") == 0, in.constant(0), input(c, column(x), row(y), n));
    return stages;
  }

 private:
  static Expr source(const Context &in, const Expr &u, const Expr &size) {
    const Expr last = size - 1, reflected = select(u<0, -u, u> last, 2 * last - u, u);
    return clamp(select(in.scalar("padding_mode_kind") == 1, reflected, u), 0, last);
  }
};

SLUICE_REGISTER_LAYER(Pad2d, pad2d)
