// SPDX-License-Identifier: Apache-2.0
// Nearest-neighbour resampling to output_size = h,w. nearest_floor is floor(i * in / out) (PyTorch, TensorFlow without
// align_corners); nearest_align_corners is round(i * (in - 1) / (out - 1)) in float32, halves away from zero, as
// TensorFlow computes it (JiahuiYu/neuralgym: resize with align_corners=True).
#include "layer_generators.h"
#include "nearest.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct Resize : sluice::LayerDefaults {
  static constexpr const char *kName = "resize";
  static constexpr const char *kSummary = "output(x, y) = input(nearest(x), nearest(y)) with output_size = h,w";
  GeneratorParam<std::string> mode{"mode", "nearest_floor"};

  std::vector<Port> inputs() const { return {sluice::tensor("input")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"mode", Kind::variant, "nearest_floor", {}, {}, {"nearest_floor", "nearest_align_corners"}},
            {"output_size", Kind::integer, "", {"output_h", "output_w"}, {}, {}}};
  }
  std::map<std::string, std::string> variants() const { return {{"mode", mode.value()}}; }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    const auto &e = in["input"].extent;
    return {e.at("c"), in.scalar("output_w"), in.scalar("output_h"), e.at("n")};
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    Func &column = stages.add("column"), &row = stages.add("row");
    column(x) =
        sluice::nearest(x, in["input"].extent.at("x"), in.scalar("output_w"), mode.value() == "nearest_align_corners");
    row(y) =
        sluice::nearest(y, in["input"].extent.at("y"), in.scalar("output_h"), mode.value() == "nearest_align_corners");
    stages.add("output")(c, x, y, n) = in["input"](c, column(x), row(y), n);
    return stages;
  }
};

SLUICE_REGISTER_LAYER(Resize, resize)
