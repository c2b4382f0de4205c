// SPDX-License-Identifier: Apache-2.0
// Convolution over a picture (cross-correlation, as every framework has it), with an activation.
#include "convolution.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct Conv2d : sluice::LayerDefaults {
  static constexpr const char *kName = "conv2d";
  static constexpr const char *kSummary = "output = activation(conv(input, weight) + bias)";
  GeneratorParam<int> stride{"stride", 1};
  GeneratorParam<int> upsample{"upsample", 1};
  GeneratorParam<std::string> activation{"activation", "none"};

  std::vector<Port> inputs() const { return {sluice::tensor("input").padded()}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<Port> parameters() const {
    return {sluice::convolution_weight("weight"), sluice::convolution_bias("bias")};
  }
  std::vector<sluice::Attribute> attributes() const {
    return sluice::convolution_attributes({"none", "elu", "relu", "leaky_relu", "tanh", "sigmoid"});
  }
  std::map<std::string, std::string> variants() const {
    return {
        {"stride", std::to_string(stride)}, {"upsample", std::to_string(upsample)}, {"activation", activation.value()}};
  }

  // Panels of two vectors of output channels.
  std::vector<Port> packed() const {
    return {sluice::port("packed_weight",
                         {{"lane", "lanes"}, {"half", "2"}, {"i", ""}, {"kx", ""}, {"ky", ""}, {"panel", ""}}),
            sluice::port("packed_bias", {{"o", ""}})};
  }
  Stages pack(Context &in) const {
    Stages stages;
    const Var lane("lane"), half("half"), i("i"), kx("kx"), ky("ky"), panel("panel"), o("o");
    stages.add("packed_weight")(lane, half, i, kx, ky, panel) =
        in["weight"](kx, ky, i, (panel * 2 + half) * in.lanes + lane);
    stages.add("packed_bias")(o) = in["bias"](o);
    return stages;
  }
  void unpack(Context &in) const {
    const Var kx("kx"), ky("ky"), i("i"), o("o");
    sluice::Operand weight = in["packed_weight"];
    Func packed = weight.func;
    weight.func = Func("weight");
    weight.func(kx, ky, i, o) = packed(o % in.lanes, (o / in.lanes) % 2, i, kx, ky, o / (2 * in.lanes));
    in.add("weight", weight);
    in.add("bias", in["packed_bias"]);
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    const auto &weight = in["weight"].extent;
    if (port == "packed_weight") {
      return {in.lanes,        2,
              weight.at("i"),  weight.at("kx"),
              weight.at("ky"), (weight.at("o") + 2 * in.lanes - 1) / (2 * in.lanes)};
    }
    if (port == "packed_bias") return {weight.at("o")};
    return sluice::convolution_extents(in, in["bias"].extent.at("o"), weight.at("kx"), weight.at("ky"), stride,
                                       upsample);
  }

  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const Expr kernel_w = in["weight"].extent.at("kx"), kernel_h = in["weight"].extent.at("ky");
    const RDom r(0, in["input"].extent.at("c"), 0, kernel_w, 0, kernel_h, "r");  // i, kx, ky
    const sluice::ConvolutionInput input(in, stages, kernel_w, kernel_h, stride, upsample);
    Func &sum = stages.add("sum");
    sum(c, x, y, n) = in.constant(0);
    sum(c, x, y, n) += in["weight"](r[1], r[2], r[0], c) * input(r, x, y, n);
    stages.add("feature")(c, x, y, n) = sum(c, x, y, n) + in["bias"](c);
    stages.add("output")(c, x, y, n) =
        sluice::activate(activation, stages["feature"](c, x, y, n), in.scalar("negative_slope"));
    return stages;
  }
};

SLUICE_REGISTER_LAYER(Conv2d, conv2d)
