// SPDX-License-Identifier: Apache-2.0
// Gated temporal convolution of graph sequences, input n c t v (v nodes): a convolution over kt steps without padding
// makes features P and gates Q, and the input's own last step is added to P.
//   output(t) = f(P + align(input(t + kt - 1))) * sigmoid(Q),  P, Q = the halves of conv(input, weight) + bias,
// f = identity (mode=glu) or tanh (mode=gtu). align: a 1x1 convolution; the input with channels of zeros behind
// (zero_pad), or as it is (identity).
// Source: Yu, Yin and Zhu, Spatio-Temporal Graph Convolutional Networks (arXiv 1709.04875), section 3.3;
// hazdzz/stgcn: model/layers.py.
#include "convolution.h"
#include "packed_vectors.h"

using namespace Halide;
using sluice::Context;
using sluice::Operand;
using sluice::Port;
using sluice::Stages;

struct GluTemporal : sluice::LayerDefaults {
  static constexpr const char *kName = "glu_temporal";
  static constexpr const char *kSummary =
      "output = f(P + align(input)) * sigmoid(Q), P and Q the halves of a convolution over time; f: glu none, gtu tanh";
  GeneratorParam<std::string> mode{"mode", "glu"};

  std::vector<Port> inputs() const { return {sluice::tensor("input")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<Port> parameters() const {
    return {weight("weight", "kernel_t", "kernel_v", "2*channels"), sluice::port("bias", {{"o", "2*channels"}}),
            weight("align_weight", "1", "1", "channels").only_when("align=conv"),
            sluice::port("align_bias", {{"o", "channels"}}).only_when("align=conv")};
  }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"channels", Kind::shape, "", {}, {}, {}},
            {"kernel", Kind::shape, "", {"kernel_t", "kernel_v"}, {}, {}},
            {"mode", Kind::variant, "glu", {}, {}, {"glu", "gtu"}},
            {"align", Kind::variant, "", {}, {}, {"conv+zero_pad+identity"}}};
  }
  std::map<std::string, std::string> variants() const { return {{"mode", mode.value()}}; }

  // A panel is `lanes` output channels, feature and gate side by side.
  std::vector<Port> packed() const {
    return {sluice::port("packed_weight",
                         {{"lane", "lanes"}, {"half", "2"}, {"i", ""}, {"kx", ""}, {"ky", ""}, {"panel", ""}}),
            sluice::port("packed_align", {{"lane", "lanes"}, {"i", ""}, {"panel", ""}}),
            sluice::packed_vectors("packed_bias")};
  }
  Stages pack(Context &in) const {
    Stages stages;
    const Var lane("lane"), half("half"), i("i"), kx("kx"), ky("ky"), panel("panel"), o("o"), row("row");
    const Expr channel = panel * in.lanes + lane, channels = in["bias"].extent.at("o") / 2;
    const Expr inside = channel < channels, known = min(channel, channels - 1);
    stages.add("packed_weight")(lane, half, i, kx, ky, panel) =
        select(inside, in["weight"](kx, ky, i, half * channels + known), in.constant(0));
    stages.add("packed_align")(lane, i, panel) = select(inside, in["align_weight"](0, 0, i, known), in.constant(0));
    stages.add("packed_bias")(o, row) = select(row == 2, in["align_bias"](o), in["bias"](min(row, 1) * channels + o));
    return stages;
  }
  // The definition sees the halves of weight and bias as operands of their own.
  void derive(Context &in, Stages &) const {
    const Var kx("kx"), ky("ky"), i("i"), o("o");
    for (int half = 0; half < 2; half++) {
      const std::string name = half == 0 ? "feature" : "gate";
      const Expr channel = o + half * (in["bias"].extent.at("o") / 2);
      Operand weight = in["weight"], bias = in["bias"];
      weight.func = Func(name + "_weight");
      weight.func(kx, ky, i, o) = in["weight"](kx, ky, i, channel);
      in.add(name + "_weight", weight);
      bias.func = Func(name + "_bias");
      bias.func(o) = in["bias"](channel);
      in.add(name + "_bias", bias);
    }
  }
  void unpack(Context &in) const {
    const Var kx("kx"), ky("ky"), i("i"), o("o");
    const Operand weights = in["packed_weight"], aligns = in["packed_align"];
    for (int half = 0; half < 2; half++) {
      Operand weight = weights;
      weight.func = Func(half == 0 ? "feature_weight" : "gate_weight");
      weight.func(kx, ky, i, o) = weights(o % in.lanes, half, i, kx, ky, o / in.lanes);
      in.add(half == 0 ? "feature_weight" : "gate_weight", weight);
    }
    Operand align_weight = aligns;
    align_weight.func = Func("align_weight");
    align_weight.func(kx, ky, i, o) = aligns(o % in.lanes, i, o / in.lanes);
    in.add("align_weight", align_weight);
    sluice::unpack_vectors(in, "packed_bias", {"feature_bias", "gate_bias", "align_bias"});
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    const Expr channels = in.has("packed_bias") ? in["packed_bias"].extent.at("o") : in["bias"].extent.at("o") / 2;
    if (port == "packed_bias") return {channels, 3};
    const Expr panels = (channels + in.lanes - 1) / in.lanes;
    if (port == "packed_align") return {in.lanes, in["align_weight"].extent.at("i"), panels};
    if (port == "packed_weight") {
      const auto &w = in["weight"].extent;
      return {in.lanes, 2, w.at("i"), w.at("kx"), w.at("ky"), panels};
    }
    const auto &input = in["input"].extent, &w = in["feature_weight"].extent;
    return {channels, input.at("x") - w.at("kx") + 1, input.at("y") - w.at("ky") + 1, input.at("n")};
  }

  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const auto &w = in["feature_weight"].extent;
    const RDom r(0, in["input"].extent.at("c"), 0, w.at("kx"), 0, w.at("ky"));  // i, kx, ky
    const Func input = reader(in);
    const Expr tap = input(r[0], x + r[1], y + r[2], n);
    Func &sum = stages.add("sum");
    sum(c, x, y, n) = Tuple(in.constant(0), in.constant(0));
    sum(c, x, y, n) = Tuple(sum(c, x, y, n)[0] + in["feature_weight"](r[1], r[2], r[0], c) * tap,
                            sum(c, x, y, n)[1] + in["gate_weight"](r[1], r[2], r[0], c) * tap);
    aligned(in, input, stages, w.at("ky") - 1);
    Func &feature = stages.add("feature"), &gate = stages.add("gate");
    feature(c, x, y, n) = sum(c, x, y, n)[0] + in["feature_bias"](c) + stages["aligned"](c, x, y, n);
    gate(c, x, y, n) = sum(c, x, y, n)[1] + in["gate_bias"](c);
    const Expr value = feature(c, x, y, n);
    stages.add("output")(c, x, y, n) =
        (mode.value() == "gtu" ? sluice::activate("tanh", value, in) : value) * sluice::sigmoid(gate(c, x, y, n), in);
    return stages;
  }

 private:
  static Port weight(const std::string &name, const std::string &kt, const std::string &kv,
                     const std::string &channels) {
    return sluice::port(name, {{"kx", kv}, {"ky", kt}, {"i", "input.c"}, {"o", channels}});
  }

  // The input; forward, register tiles reach past the last node.
  static Func reader(const Context &in) {
    const Operand &input = in["input"];
    if (in.backward) return input.func;
    return BoundaryConditions::repeat_edge(input.func, {{}, {0, input.extent.at("x")}, {}, {}});
  }

  // The input at the last of the kernel's steps, with the output's channels: stage "aligned"; of "align_sum" for conv.
  static void aligned(const Context &in, const Func &input, Stages &stages, const Expr &last_step) {
    const Var c("c"), x("x"), y("y"), n("n");
    const Expr channels = in["input"].extent.at("c"), step = y + last_step;
    const Expr is_conv = in.scalar("align_kind") == 0, is_identity = in.scalar("align_kind") == 2;
    const RDom r(0, select(is_conv, channels, 0));
    Func &sum = stages.add("align_sum");
    sum(c, x, y, n) = in.constant(0);
    sum(c, x, y, n) += in["align_weight"](0, 0, r, c) * input(r, x, step, n);
    // In backward, operands are zero outside.
    const Expr known = in.backward ? Expr(c) : select(is_identity, c, min(c, channels - 1));
    const Expr copied = select(is_identity || c < channels, input(known, x, step, n), in.constant(0));
    stages.add("aligned")(c, x, y, n) = select(is_conv, sum(c, x, y, n) + in["align_bias"](c), copied);
  }
};

SLUICE_REGISTER_LAYER(GluTemporal, glu_temporal)
