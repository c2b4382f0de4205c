// SPDX-License-Identifier: Apache-2.0
// Channels become pixels: a group of factor x factor channels is a square of one output channel (Shi et al., arXiv
// 1609.05158).
#include "layer_generators.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct PixelShuffle : sluice::LayerDefaults {
  static constexpr const char *kName = "pixel_shuffle";
  static constexpr const char *kSummary =
      "output(c, f*x + i, f*y + j) = input(f*f*c + f*j + i, x, y) with f = factor, i and j < f";

  std::vector<Port> inputs() const { return {sluice::tensor("input")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const {
    return {{"factor", sluice::Attribute::Kind::integer, "", {}, {}, {}}};
  }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    const auto &e = in["input"].extent;
    const Expr factor = in.scalar("factor");
    return {e.at("c") / (factor * factor), e.at("x") * factor, e.at("y") * factor, e.at("n")};
  }
  // Autodiff takes the index x / factor for one that it can invert: backward reads every index from a table.
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const Expr factor = in.scalar("factor");
    const Expr channel = (c * factor + y % factor) * factor + x % factor;
    if (!in.backward) {
      stages.add("output")(c, x, y, n) = in["input"](channel, x / factor, y / factor, n);
      return stages;
    }
    const auto &e = in["input"].extent;
    Func &source = stages.add("channel"), &column = stages.add("column"), &row = stages.add("row");
    source(c, x, y) = clamp(channel, 0, e.at("c") - 1);
    column(x) = clamp(x / factor, 0, e.at("x") - 1);
    row(y) = clamp(y / factor, 0, e.at("y") - 1);
    stages.add("output")(c, x, y, n) = in["input"](source(c, x, y), column(x), row(y), n);
    return stages;
  }
};

SLUICE_REGISTER_LAYER(PixelShuffle, pixel_shuffle)
