// SPDX-License-Identifier: Apache-2.0
// Gated convolution: two convolutions over the same input, one pass.
// Source: Yu et al., Free-Form Image Inpainting with Gated Convolution (arXiv 1806.03589), section 3.1;
// JiahuiYu/generative_inpainting: inpaint_ops.py.
#include "convolution.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct GatedConv2d : sluice::LayerDefaults {
  static constexpr const char *kName = "gated_conv2d";
  static constexpr const char *kSummary =
      "output = activation(conv(input, feature_weight) + feature_bias) * sigmoid(conv(input, gate_weight) + gate_bias)";
  GeneratorParam<int> stride{"stride", 1};
  GeneratorParam<int> upsample{"upsample", 1};
  GeneratorParam<std::string> activation{"activation", "none"};

  std::vector<Port> inputs() const { return {sluice::tensor("input").padded()}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<Port> parameters() const {
    return {sluice::convolution_weight("feature_weight"), sluice::convolution_bias("feature_bias"),
            sluice::convolution_weight("gate_weight"), sluice::convolution_bias("gate_bias")};
  }
  std::vector<sluice::Attribute> attributes() const {
    auto all = sluice::convolution_attributes({"none", "elu", "relu", "leaky_relu", "tanh"});
    all.push_back({"gate_activation", sluice::Attribute::Kind::variant, "sigmoid", {}, {}, {"sigmoid"}});
    return all;
  }
  std::map<std::string, std::string> variants() const {
    return {
        {"stride", std::to_string(stride)}, {"upsample", std::to_string(upsample)}, {"activation", activation.value()}};
  }

  // Panels of `lanes` output channels, feature and gate side by side, so that a tap of one input channel is two loads.
  std::vector<Port> packed() const {
    return {sluice::port("packed_weight",
                         {{"lane", "lanes"}, {"half", "2"}, {"i", ""}, {"kx", ""}, {"ky", ""}, {"panel", ""}}),
            sluice::port("packed_bias", {{"o", ""}, {"half", ""}})};
  }
  Stages pack(Context &in) const {
    Stages stages;
    const Var lane("lane"), half("half"), i("i"), kx("kx"), ky("ky"), panel("panel"), o("o");
    const Expr channel = panel * in.lanes + lane;
    stages.add("packed_weight")(lane, half, i, kx, ky, panel) =
        select(half == 0, in["feature_weight"](kx, ky, i, channel), in["gate_weight"](kx, ky, i, channel));
    stages.add("packed_bias")(o, half) = select(half == 0, in["feature_bias"](o), in["gate_bias"](o));
    return stages;
  }
  void unpack(Context &in) const {
    const Var kx("kx"), ky("ky"), i("i"), o("o");
    for (int half = 0; half < 2; half++) {
      const std::string name = half == 0 ? "feature" : "gate";
      const sluice::Operand &weights = in["packed_weight"];
      sluice::Operand weight, bias;
      weight.func = Func(name + "_weight");
      weight.func(kx, ky, i, o) = weights(o % in.lanes, half, i, kx, ky, o / in.lanes);
      weight.extent = weights.extent;
      bias.func = Func(name + "_bias");
      bias.func(o) = in["packed_bias"](o, half);
      bias.extent = in["packed_bias"].extent;
      in.add(name + "_weight", weight);
      in.add(name + "_bias", bias);
    }
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    if (port == "packed_weight") {
      const auto &weight = in["feature_weight"].extent;
      return {
          in.lanes, 2, weight.at("i"), weight.at("kx"), weight.at("ky"), (weight.at("o") + in.lanes - 1) / in.lanes};
    }
    if (port == "packed_bias") return {in["feature_weight"].extent.at("o"), 2};
    const auto &weight = in["feature_weight"].extent;
    return sluice::convolution_extents(in, in["feature_bias"].extent.at("o"), weight.at("kx"), weight.at("ky"), stride,
                                       upsample);
  }

  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const Expr kernel_w = in["feature_weight"].extent.at("kx"), kernel_h = in["feature_weight"].extent.at("ky");
    const RDom r(0, in["input"].extent.at("c"), 0, kernel_w, 0, kernel_h, "r");
    const sluice::ConvolutionInput input(in, stages, kernel_w, kernel_h, stride, upsample);
    const Expr tap = input(r, x, y, n);
    Func &sum = stages.add("sum");
    sum(c, x, y, n) = Tuple(in.constant(0), in.constant(0));
    sum(c, x, y, n) = Tuple(sum(c, x, y, n)[0] + in["feature_weight"](r[1], r[2], r[0], c) * tap,
                            sum(c, x, y, n)[1] + in["gate_weight"](r[1], r[2], r[0], c) * tap);
    Func &feature = stages.add("feature"), &gate = stages.add("gate");
    feature(c, x, y, n) = sum(c, x, y, n)[0] + in["feature_bias"](c);
    gate(c, x, y, n) = sum(c, x, y, n)[1] + in["gate_bias"](c);
    stages.add("output")(c, x, y, n) = sluice::activate(activation, feature(c, x, y, n), in.scalar("negative_slope")) *
                                       sluice::sigmoid(gate(c, x, y, n));
    return stages;
  }
};

SLUICE_REGISTER_LAYER(GatedConv2d, gated_conv2d)
