// SPDX-License-Identifier: Apache-2.0
// A learned vector a class, of unit length if wanted. Rows are normalised when the weights are loaded, so a run only
// copies. A label is clamped to the classes there are; a graph that wants others refused says so of its input (range=).
#include "layer_generators.h"

using namespace Halide;
using sluice::Context;
using sluice::Operand;
using sluice::Port;
using sluice::Stages;

struct Embedding : sluice::LayerDefaults {
  static constexpr const char *kName = "embedding";
  static constexpr const char *kSummary =
      "output [n width] = row label[n] of weight [classes width]; l2_normalize: over max(its length, eps)";

  std::vector<Port> inputs() const { return {sluice::port("label", {{"n", ""}}).constant()}; }
  std::vector<Port> outputs() const { return {sluice::port("output", {{"c", ""}, {"n", ""}})}; }
  std::vector<Port> parameters() const { return {sluice::port("weight", {{"i", "width"}, {"o", "classes"}})}; }
  std::vector<Port> packed() const { return {sluice::port("packed_weight", {{"i", ""}, {"o", ""}})}; }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"classes", Kind::shape, "", {}, {}, {}},
            {"width", Kind::shape, "", {}, {}, {}},
            {"l2_normalize", Kind::integer, "false", {}, {}, {}},
            {"eps", Kind::real, "0", {}, {}, {}}};
  }
  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    const auto &weight = in[port == "packed_weight" ? "weight" : "rows"].extent;
    if (port == "packed_weight") return {weight.at("i"), weight.at("o")};
    return {weight.at("i"), in["label"].extent.at("n")};
  }

  // sqrt(max(s, eps^2)) is max(sqrt(s), eps) without the infinite slope of sqrt at 0.
  void derive(Context &in, Stages &stages) const {
    const Var i("i"), o("o");
    const Operand weight = in["weight"];
    const RDom r(0, weight.extent.at("i"));
    const Expr eps = in.scalar("eps"), wanted = in.scalar("l2_normalize") != 0;
    Func &squares = stages.add("squares");
    squares(o) = in.constant(0);
    squares(o) += weight(r, o) * weight(r, o);
    Operand rows = weight;
    rows.func = stages.add("rows");
    rows.func(i, o) = weight(i, o) / sqrt(select(wanted, max(squares(o), eps * eps), in.constant(1)));
    in.add("rows", rows);
  }
  Stages pack(Context &in) const {
    Stages stages;
    const Var i("i"), o("o");
    stages.add("packed_weight")(i, o) = in["rows"](i, o);
    return stages;
  }
  void unpack(Context &in) const { in.add("rows", in["packed_weight"]); }

  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), n("n");
    const Expr label = clamp(cast<int>(in["label"](n)), 0, in["rows"].extent.at("o") - 1);
    stages.add("output")(c, n) = in["rows"](c, label);
    return stages;
  }
};

SLUICE_REGISTER_LAYER(Embedding, embedding)
