// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution: every channel is filtered by its own m windows; output channel c*m + q reads input channel c.
// Source: Howard et al., MobileNets (arXiv 1704.04861), section 3.1; the order of channels is that of PyTorch (groups =
// input channels) and of TensorFlow (depthwise_conv2d).
#include "padded_apart.h"

using namespace Halide;
using sluice::Context;
using sluice::Operand;
using sluice::Port;
using sluice::Stages;

struct DepthwiseConv2d : sluice::LayerDefaults {
  static constexpr const char *kName = "depthwise_conv2d";
  static constexpr const char *kSummary =
      "output(c*m + q) = activation(norm(conv(input(c), weight(c*m + q)) + bias)), m = multiplier";
  static constexpr const char *kChannels = "input.c*multiplier";
  GeneratorParam<std::string> reading{"reading", "three"};
  GeneratorParam<std::string> activation{"activation", "none+relu+leaky_relu"};

  std::vector<Port> inputs() const { return {sluice::tensor("input").padded()}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<Port> parameters() const {
    return sluice::joined(
        {sluice::port("weight", {{"kx", "kernel_w"}, {"ky", "kernel_h"}, {"i", "1"}, {"o", kChannels}}),
         sluice::port("bias", {{"o", kChannels}}).only_when("bias=true")},
        sluice::batch_norm_parameters(kChannels));
  }
  std::vector<Port> state() const { return sluice::batch_norm_state(kChannels); }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    const std::vector<sluice::Attribute> own = {
        {"multiplier", Kind::integer, "1", {}, {}, {}},
        {"groups", Kind::note, "", {}, {}, {}},
        {"reading",
         Kind::derived,
         "three: kernel=3 stride=1 dilation=1 multiplier=1 padding_mode=zeros; three_by_two: kernel=3 stride=2 "
         "dilation=1 multiplier=1 padding_mode=zeros; strided: padding_mode=zeros; gathered:",
         {},
         {},
         {"three", "three_by_two", "strided", "gathered"}}};
    return sluice::joined(
        sluice::joined(sluice::window_attributes(), sluice::activation_attributes({"none+relu+leaky_relu"})),
        sluice::joined(own, sluice::batch_norm_attributes()));
  }
  std::map<std::string, std::string> variants() const {
    return {{"reading", reading.value()}, {"activation", activation.value()}};
  }

  // The definition sees the weight with the norm's scale in it, as (o, kx, ky), and the rest of the norm as an offset.
  void derive(Context &in, Stages &stages) const {
    sluice::derive_batch_norm(in, stages);
    const Var o("o"), kx("kx"), ky("ky");
    Operand weight = in["weight"], offset = in["bias"];
    weight.func = stages.add("scaled_weight");
    weight.func(o, kx, ky) = in["weight"](kx, ky, 0, o) * in["norm_scale"](o);
    offset.func = stages.add("offset");
    offset.func(o) = in["bias"](o) * in["norm_scale"](o) + in["norm_shift"](o);
    offset.extent["o"] = in["weight"].extent.at("o");  // a bias that is absent may be shorter
    in.add("scaled_weight", weight);
    in.add("offset", offset);
  }
  // Output channels innermost, up to a full vector.
  std::vector<Port> packed() const {
    return {sluice::port("packed_weight", {{"o", ""}, {"kx", ""}, {"ky", ""}}),
            sluice::port("packed_bias", {{"o", ""}})};
  }
  Stages pack(Context &in) const {
    Stages stages;
    const Var kx("kx"), ky("ky"), o("o");
    const Expr last = in["weight"].extent.at("o") - 1;
    stages.add("packed_weight")(o, kx, ky) =
        select(o <= last, in["scaled_weight"](min(o, last), kx, ky), in.constant(0));
    stages.add("packed_bias")(o) = in["offset"](o);
    return stages;
  }
  void unpack(Context &in) const {
    in.add("scaled_weight", in["packed_weight"]);
    in.add("offset", in["packed_bias"]);
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    if (port == "packed_weight") {
      const auto &weight = in["weight"].extent;
      return {(weight.at("o") + in.lanes - 1) / in.lanes * in.lanes, weight.at("kx"), weight.at("ky")};
    }
    if (port == "packed_bias") return {in["weight"].extent.at("o")};
    return window(in).reader.extents(in, in["offset"].extent.at("o"));
  }

  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const Window window = this->window(in);
    const RDom r(0, window.width, 0, window.height);
    const Expr channel = source(in, stages, c);
    Func &sum = stages.add("sum");
    sum(c, x, y, n) = in.constant(0);
    if (is_known() && !in.backward) {
      const int stride = known_stride();
      const Func padded = sluice::padded_apart(in, stages, window.reader, c, channel);
      sum(c, x, y, n) += in["scaled_weight"](c, r[0], r[1]) * padded(c, x * stride + r[0], y * stride + r[1], n);
    } else {
      sluice::ConvolutionInput input = window.reader;
      input.define(in, stages);
      sum(c, x, y, n) += in["scaled_weight"](c, r[0], r[1]) * input(channel, r[0], r[1], x, y, n);
    }
    stages.add("feature")(c, x, y, n) = sum(c, x, y, n) + in["offset"](c);
    stages.add("output")(c, x, y, n) = sluice::activate(activation, stages["feature"](c, x, y, n), in);
    return stages;
  }

 private:
  // The window and how it is read. `three` and `three_by_two` know theirs when they are built.
  struct Window {
    Expr width, height;
    sluice::ConvolutionInput reader;
  };
  int known_stride() const { return reading.value() == "three" ? 1 : 2; }
  bool is_known() const { return reading.value() == "three" || reading.value() == "three_by_two"; }
  Window window(const Context &in) const {
    const auto &weight = in["scaled_weight"].extent;
    if (!is_known()) {
      const Expr width = weight.at("kx"), height = weight.at("ky");
      return {width, height, {in, reading, width, height, false}};
    }
    Context known = in;
    const int stride = known_stride();
    for (const std::string axis : {"w", "h"}) {
      known.add_scalar("stride_" + axis, stride);
      known.add_scalar("dilation_" + axis, 1);
    }
    return {3, 3, {known, stride == 1 ? "plain" : "strided", 3, 3, false}};
  }
  // The input channel of output channel c: c / m, from a table. (Autodiff gets the inverse of a quotient wrong.)
  // Vectors of channels stay inside where there are enough for one; a longer vector takes the last channel again.
  Expr source(const Context &in, Stages &stages, const Var &c) const {
    const Expr multiplier = in.scalar("multiplier"), last = in["input"].extent.at("c") - 1;
    Func &wide = stages.add("wide");
    wide() = in["offset"].extent.at("o") >= in.lanes;
    const Expr same = in.backward ? Expr(c) : select(wide(), unsafe_promise_clamped(c, 0, last), min(c, last));
    if (is_known()) return same;
    Func &channel = stages.add("channel");
    channel(c) = clamp(c / multiplier, 0, last);
    return in.backward ? channel(c) : select(multiplier == 1, same, channel(c));
  }
};

SLUICE_REGISTER_LAYER(DepthwiseConv2d, depthwise_conv2d)
