// SPDX-License-Identifier: Apache-2.0
// Partial convolution: an ordinary one over the valid pixels of a window, in proportion to how many there are. The mask
// is 1 where a pixel is valid; the new mask is 1 where the window saw a valid one.
//   S = sum of the mask over the window (and over its channels), zeros outside
//   new_mask = clamp(S, 0, 1); ratio = window / (S + eps) * new_mask, window = kh*kw*(channels of the mask)
//   output = activation((conv(input * mask, weight) * ratio + bias) * new_mask); without bias: conv * ratio
// Source: Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions (arXiv 1804.07723), section 3.1;
// NVIDIA/partialconv: models/partialconv2d.py.
#include "convolution.h"

using namespace Halide;
using sluice::Context;
using sluice::Operand;
using sluice::Port;
using sluice::Stages;

struct PartialConv2d : sluice::LayerDefaults {
  static constexpr const char *kName = "partial_conv2d";
  static constexpr const char *kSummary =
      "output = activation((conv(input * mask, weight) * ratio + bias) * new_mask), new_mask = clamp(S, 0, 1), ratio = "
      "window / (S + eps) * new_mask, S = sum of the mask over the window";
  GeneratorParam<std::string> reading{"reading", "plain"};
  GeneratorParam<std::string> activation{"activation", "none+relu+leaky_relu"};

  // The mask [n 1 h w], or with mask_channels=input [n c h w]; the new one [n 1 h w], or with all output channels.
  std::vector<Port> inputs() const {
    return {sluice::tensor("input").padded(), sluice::tensor("mask").padded().constant()};
  }
  std::vector<Port> outputs() const { return {sluice::tensor("output"), sluice::tensor("new_mask").constant()}; }
  std::vector<Port> parameters() const {
    return {sluice::port("weight", {{"kx", "kernel_w"}, {"ky", "kernel_h"}, {"i", "input.c"}, {"o", "channels"}}),
            sluice::convolution_bias("bias")};
  }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    std::vector<sluice::Attribute> window = sluice::window_attributes();
    for (sluice::Attribute &attribute : window) {
      if (attribute.name == "padding_mode") attribute = {"padding_mode", Kind::note, "zeros", {}, {}, {"zeros"}};
      if (attribute.name == "bias") attribute = {"bias", Kind::integer, "true", {"has_bias"}, {}, {}};
    }
    const std::vector<sluice::Attribute> own = {
        {"channels", Kind::shape, "", {}, {}, {}},
        {"groups", Kind::note, "1", {}, {}, {"1"}},
        {"mask_channels", Kind::variant, "1", {}, {}, {"1+input"}},
        {"mask_valid", Kind::note, "1", {}, {}, {"1"}},
        {"eps", Kind::real, "1e-8", {}, {}, {}},
        {"reading", Kind::derived, "plain: stride=1; strided:", {}, {}, {"plain", "strided"}}};
    return sluice::joined(sluice::joined(window, own), sluice::activation_attributes({"none+relu+leaky_relu"}));
  }
  std::map<std::string, std::string> variants() const {
    return {{"reading", reading.value()}, {"activation", activation.value()}};
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
    const Expr channel = (panel * 2 + half) * in.lanes + lane, last = in["weight"].extent.at("o") - 1;
    stages.add("packed_weight")(lane, half, i, kx, ky, panel) =
        select(channel <= last, in["weight"](kx, ky, i, min(channel, last)), in.constant(0));
    // Without one the kernel gets zeros, as many as there are output channels.
    stages.add("packed_bias")(o) = in["bias"](o);
    return stages;
  }
  void unpack(Context &in) const {
    const Var kx("kx"), ky("ky"), i("i"), o("o");
    Operand weight = in["packed_weight"];
    const Func packed = weight.func;
    weight.func = Func("weight");
    weight.func(kx, ky, i, o) =
        packed(o % in.lanes, (o / in.lanes) % 2, i, kx, ky, sluice::panel_of(in, o, 2 * in.lanes, in["packed_weight"]));
    in.add("weight", weight);
    in.add("bias", in["packed_bias"]);
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    if (port == "packed_weight") {
      const auto &weight = in["weight"].extent;
      return {in.lanes,        2,
              weight.at("i"),  weight.at("kx"),
              weight.at("ky"), (weight.at("o") + 2 * in.lanes - 1) / (2 * in.lanes)};
    }
    if (port == "packed_bias") return {in["weight"].extent.at("o")};
    const Expr channels = in["bias"].extent.at("o");
    return reader(in).extents(in, port == "output" ? channels : select(many_masks(in), channels, 1));
  }

  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const auto &weight = in["weight"].extent;
    define_ratio(in, stages);
    const RDom r(0, in["input"].extent.at("c"), 0, weight.at("kx"), 0, weight.at("ky"));  // i, kx, ky
    sluice::ConvolutionInput input = reader(in);
    Context masked = in;
    masked.add("input", valid_input(in, stages));
    input.define(masked, stages);
    Func &sum = stages.add("sum");
    sum(c, x, y, n) = in.constant(0);
    sum(c, x, y, n) += in["weight"](r[1], r[2], r[0], c) * input(r[0], r[1], r[2], x, y, n);
    const Expr biased = (sum(c, x, y, n) * stages["ratio"](x, y, n) + in["bias"](c)) * stages["seen"](x, y, n);
    const Expr plain = sum(c, x, y, n) * stages["ratio"](x, y, n);
    stages.add("feature")(c, x, y, n) = select(in.scalar("has_bias") != 0, biased, plain);
    stages.add("output")(c, x, y, n) = sluice::activate(activation, stages["feature"](c, x, y, n), in);
    stages.add("new_mask")(c, x, y, n) = stages["seen"](x, y, n);
    return stages;
  }

 private:
  static Expr many_masks(const Context &in) { return in.scalar("mask_channels_kind") == 1; }
  sluice::ConvolutionInput reader(const Context &in) const {
    const auto &weight = in["weight"].extent;
    return {in, reading, weight.at("kx"), weight.at("ky"), false};
  }
  // Only what is valid; multiplying c by 0 takes the one mask for all channels.
  static Operand valid_input(const Context &in, Stages &stages) {
    const Var c("c"), x("x"), y("y"), n("n");
    Operand valid = in["input"];
    valid.func = stages.add("valid");
    valid.func(c, x, y, n) = in["input"](c, x, y, n) * in["mask"](c * select(many_masks(in), 1, 0), x, y, n);
    return valid;
  }

  // Stages ratio(x, y, n) and seen(x, y, n): of the mask alone.
  void define_ratio(const Context &in, Stages &stages) const {
    const Var c("c"), x("x"), y("y"), n("n");
    const Expr kernel_w = in["weight"].extent.at("kx"), kernel_h = in["weight"].extent.at("ky");
    const Expr masks = select(many_masks(in), in["input"].extent.at("c"), 1);
    const RDom channel(0, masks), window(0, kernel_w, 0, kernel_h);
    Func &pixels = stages.add("pixels"), &covered = stages.add("covered");
    Func &ratio = stages.add("ratio"), &seen = stages.add("seen");
    pixels(x, y, n) = in.constant(0);
    pixels(x, y, n) += in["mask"](channel, x, y, n);
    const Expr stride_w = reading.value() == "plain" ? Expr(1) : in.scalar("stride_w");
    const Expr stride_h = reading.value() == "plain" ? Expr(1) : in.scalar("stride_h");
    const auto &extent = in["input"].extent;
    const Expr left = convolution_axis(in, extent.at("x"), kernel_w, stride_w, "w").before;
    const Expr top = convolution_axis(in, extent.at("y"), kernel_h, stride_h, "h").before;
    covered(x, y, n) = in.constant(0);
    covered(x, y, n) += pixels(x * stride_w + window[0] * in.scalar("dilation_w") - left,
                               y * stride_h + window[1] * in.scalar("dilation_h") - top, n);
    seen(x, y, n) = clamp(covered(x, y, n), in.constant(0), in.constant(1));
    ratio(x, y, n) =
        cast(in.element, kernel_w * kernel_h * masks) / (covered(x, y, n) + in.scalar("eps")) * seen(x, y, n);
  }
};

SLUICE_REGISTER_LAYER(PartialConv2d, partial_conv2d)
