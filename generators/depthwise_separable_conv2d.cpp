// SPDX-License-Identifier: Apache-2.0
// Depthwise 3x3 convolution and pointwise convolution in one kernel: what is between them is never stored as a tensor.
// separable_conv2d.graph turns into it where nothing else needs the two apart.
// Source: Howard et al., MobileNets (arXiv 1704.04861), section 3.1.
#include "convolution.h"
#include "padded_apart.h"
#include "prefetch.h"

using namespace Halide;
using sluice::Context;
using sluice::Operand;
using sluice::Port;
using sluice::Stages;

struct DepthwiseSeparableConv2d : sluice::LayerDefaults {
  static constexpr const char *kName = "depthwise_separable_conv2d";
  static constexpr const char *kSummary =
      "output = activation(norm(pointwise(activation(norm(depthwise 3x3 (input)))))), every sum with a bias";
  static constexpr int kWindow = 3;
  GeneratorParam<std::string> transform{"transform", "none"};

  std::vector<Port> inputs() const { return {sluice::tensor("input").padded()}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<Port> parameters() const {
    return {sluice::port("depthwise_weight", {{"kx", "3"}, {"ky", "3"}, {"i", "1"}, {"o", "input.c"}}),
            sluice::port("depthwise_bias", {{"o", "input.c"}}).only_when("bias=true"),
            sluice::port("depthwise_norm_weight", {{"o", "input.c"}}).only_when(sluice::kNormed, 1),
            sluice::port("depthwise_norm_bias", {{"o", "input.c"}}).only_when(sluice::kNormed),
            sluice::port("pointwise_weight", {{"kx", "1"}, {"ky", "1"}, {"i", "input.c"}, {"o", "channels"}}),
            sluice::port("pointwise_bias", {{"o", "channels"}}).only_when("bias=true"),
            sluice::port("pointwise_norm_weight", {{"o", "channels"}}).only_when(sluice::kNormed, 1),
            sluice::port("pointwise_norm_bias", {{"o", "channels"}}).only_when(sluice::kNormed)};
  }
  std::vector<Port> state() const {
    return {sluice::port("depthwise_running_mean", {{"o", "input.c"}}).only_when(sluice::kNormed),
            sluice::port("depthwise_running_var", {{"o", "input.c"}}).only_when(sluice::kNormed, 1),
            sluice::port("pointwise_running_mean", {{"o", "channels"}}).only_when(sluice::kNormed),
            sluice::port("pointwise_running_var", {{"o", "channels"}}).only_when(sluice::kNormed, 1)};
  }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    const std::vector<sluice::Attribute> own = {
        {"channels", Kind::shape, "", {}, {}, {}},
        {"padding",
         Kind::integer,
         "0",
         {"padding_top", "padding_bottom", "padding_left", "padding_right"},
         {{"same", "padding_same"}},
         {}},
        {"padding_rule", Kind::note, "explicit", {}, {}, {"explicit", "same"}},
        {"bias", Kind::shape, "true", {}, {}, {}},
        {"groups", Kind::note, "", {}, {}, {}},
        {"transform", Kind::derived, "tiled: depthwise_weight.o>=16; none:", {}, {}, {}}};
    return sluice::joined(
        own, sluice::joined(sluice::activation_attributes({kActivations}), sluice::batch_norm_attributes()));
  }
  std::map<std::string, std::string> variants() const { return {{"transform", transform.value()}}; }

  // The definition sees either weight with its norm's scale in it, as (i, kx, ky) and (o, i), and the rest of the norm
  // as an offset.
  void derive(Context &in, Stages &stages) const {
    const Var o("o"), i("i"), kx("kx"), ky("ky");
    for (const std::string part : {"depthwise", "pointwise"}) {
      Context own = in;
      for (const char *name : {"norm_weight", "norm_bias", "running_mean", "running_var"})
        own.add(name, in[part + "_" + name]);
      Stages norm;
      sluice::derive_batch_norm(own, norm);
      stages.add(part + "_norm_scale", norm["norm_scale"]);
      stages.add(part + "_norm_shift", norm["norm_shift"]);
      Operand weight = in[part + "_weight"], offset = in[part + "_bias"];
      weight.func = stages.add("scaled_" + part);
      if (part == "depthwise") {
        weight.func(i, kx, ky) = in["depthwise_weight"](kx, ky, 0, i) * norm["norm_scale"](i);
      } else {
        weight.func(o, i) = in["pointwise_weight"](0, 0, i, o) * norm["norm_scale"](o);
      }
      offset.func = stages.add(part + "_offset");
      offset.func(o) = in[part + "_bias"](o) * norm["norm_scale"](o) + norm["norm_shift"](o);
      offset.extent["o"] = in[part + "_weight"].extent.at("o");  // a bias that is absent may be shorter
      in.add("scaled_" + part, weight);
      in.add(part + "_offset", offset);
    }
  }

  // Of the pointwise weight panels of two vectors of output channels.
  std::vector<Port> packed() const {
    return {sluice::port("packed_depthwise", {{"o", ""}, {"kx", ""}, {"ky", ""}}),
            sluice::port("packed_depthwise_offset", {{"o", ""}}),
            sluice::port("packed_pointwise", {{"lane", "lanes"}, {"half", "2"}, {"i", ""}, {"panel", ""}}),
            sluice::port("packed_pointwise_offset", {{"o", ""}})};
  }
  Stages pack(Context &in) const {
    Stages stages;
    const Var kx("kx"), ky("ky"), o("o"), lane("lane"), half("half"), i("i"), panel("panel");
    stages.add("packed_depthwise")(o, kx, ky) = in["scaled_depthwise"](o, kx, ky);
    stages.add("packed_depthwise_offset")(o) = in["depthwise_offset"](o);
    const Expr channel = panel * 2 * in.lanes + half * in.lanes + lane;
    const Expr last = in["pointwise_weight"].extent.at("o") - 1;
    stages.add("packed_pointwise")(lane, half, i, panel) =
        select(channel <= last, in["scaled_pointwise"](min(channel, last), i), in.constant(0));
    stages.add("packed_pointwise_offset")(o) = in["pointwise_offset"](o);
    return stages;
  }
  void unpack(Context &in) const {
    const Var o("o"), i("i");
    in.add("scaled_depthwise", in["packed_depthwise"]);
    in.add("depthwise_offset", in["packed_depthwise_offset"]);
    in.add("pointwise_offset", in["packed_pointwise_offset"]);
    Operand weight = in["packed_pointwise"];
    const Func packed = weight.func;
    weight.func = Func("scaled_pointwise");
    weight.func(o, i) =
        packed(o % in.lanes, (o / in.lanes) % 2, i, sluice::panel_of(in, o, 2 * in.lanes, in["packed_pointwise"]));
    in.add("scaled_pointwise", weight);
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    if (port.starts_with("packed_")) {
      const std::string part = port.starts_with("packed_depthwise") ? "depthwise" : "pointwise";
      const Expr channels = in[part + "_weight"].extent.at("o");
      if (port.ends_with("_offset")) return {channels};
      if (part == "depthwise") return {channels, kWindow, kWindow};
      return {in.lanes, 2, in["pointwise_weight"].extent.at("i"), (channels + 2 * in.lanes - 1) / (2 * in.lanes)};
    }
    return reader(in).extents(in, in["pointwise_offset"].extent.at("o"));
  }

  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), i("i"), x("x"), y("y"), n("n");
    const RDom window(0, kWindow, 0, kWindow), inputs(0, in["input"].extent.at("c"));
    const bool is_tiled = transform.value() == "tiled" && !in.backward;
    Func &depthwise_sum = stages.add("depthwise_sum"), &depthwise = stages.add("depthwise"), &sum = stages.add("sum");
    depthwise_sum(i, x, y, n) = in.constant(0);
    depthwise_sum(i, x, y, n) +=
        in["scaled_depthwise"](i, window[0], window[1]) * tap(in, stages, is_tiled, window[0], window[1]);
    depthwise(i, x, y, n) = sluice::activate(kActivations, depthwise_sum(i, x, y, n) + in["depthwise_offset"](i), in);
    sum(c, x, y, n) = in.constant(0);
    sum(c, x, y, n) += in["scaled_pointwise"](c, inputs) * depthwise(inputs, x, y, n);
    if (is_tiled) {
      define_claiming(in, stages);
    } else {
      stages.add("output")(c, x, y, n) =
          sluice::activate(kActivations, sum(c, x, y, n) + in["pointwise_offset"](c), in);
    }
    return stages;
  }

 private:
  static constexpr const char *kActivations = "none+relu+leaky_relu";

  sluice::ConvolutionInput reader(const Context &in) const {
    Context known = in;
    for (const std::string axis : {"w", "h"}) {
      known.add_scalar("stride_" + axis, 1);
      known.add_scalar("dilation_" + axis, 1);
    }
    return {known, "plain", kWindow, kWindow, false};
  }
  // What tap (kx, ky) of (i, x, y, n) reads. A tiled kernel has full vectors of channels.
  Expr tap(const Context &in, Stages &stages, bool is_tiled, const Expr &kx, const Expr &ky) const {
    const Var i("i"), x("x"), y("y"), n("n");
    sluice::ConvolutionInput input = reader(in);
    if (in.backward) {
      input.define(in, stages);
      return input(i, kx, ky, x, y, n);
    }
    const Expr last = in["input"].extent.at("c") - 1, channel = is_tiled ? unsafe_promise_clamped(i, 0, last) : Expr(i);
    return sluice::padded_apart(in, stages, input, i, channel)(i, x + kx, y + ky, n);
  }
  // The output, whose memory is asked for while the sums are computed: stage "claimed", zeros (prefetch.h), asks for a
  // panel of a pixel.
  void define_claiming(const Context &in, Stages &stages) const {
    const Var c("c"), x("x"), y("y"), n("n"), panel("panel");
    const Expr channels = in["pointwise_offset"].extent.at("o");
    Func &output = stages.add("output"), &claimed = stages.add("claimed");
    output(c, x, y, n) = undef(in.element);
    const sluice::Lines lines = sluice::Lines::of_output(output);
    const int width = 2 * in.lanes;
    const RDom line(0, (width + lines.elements() - 1) / lines.elements()), r(0, channels);
    claimed(panel, x, y, n) = 0;
    claimed(panel, x, y, n) += lines.ask(lines.offset({panel * width + line * lines.elements(), x, y, n}));
    const Expr sum = stages["sum"](r, x, y, n) + cast(in.element, claimed(r / width, x, y, n));
    output(r, x, y, n) = sluice::activate(kActivations, sum + in["pointwise_offset"](r), in);
  }
};

SLUICE_REGISTER_LAYER(DepthwiseSeparableConv2d, depthwise_separable_conv2d)
