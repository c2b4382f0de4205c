// SPDX-License-Identifier: Apache-2.0
// Gated convolution: two convolutions over the same input, one pass; the norm comes after the gate.
// Source: Yu et al., Free-Form Image Inpainting with Gated Convolution (arXiv 1806.03589), section 3.1;
// JiahuiYu/generative_inpainting: inpaint_ops.py; avalonstrel/GatedConvolution_pytorch: models/networks.py (norms).
#include "winograd.h"

using namespace Halide;
using sluice::Context;
using sluice::Operand;
using sluice::Port;
using sluice::Stages;

struct GatedConv2d : sluice::winograd::Transformed {
  static constexpr const char *kName = "gated_conv2d";
  static constexpr const char *kSummary =
      "output = norm(activation(conv(input, feature_weight) + feature_bias) * sigmoid(conv(input, gate_weight) + "
      "gate_bias))";
  static constexpr const char *kUpdateWhen = sluice::kPowerStep;
  GeneratorParam<std::string> reading{"reading", "plain"};
  GeneratorParam<std::string> activation{"activation", "none+relu+leaky_relu"};

  std::vector<Port> inputs() const { return {sluice::tensor("input").padded().rows()}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output").rows()}; }
  std::vector<Port> parameters() const {
    return sluice::joined({sluice::convolution_weight("feature_weight"), sluice::convolution_bias("feature_bias"),
                           sluice::convolution_weight("gate_weight"), sluice::convolution_bias("gate_bias")},
                          sluice::batch_norm_parameters());
  }
  std::vector<Port> state() const {
    return sluice::joined(
        sluice::joined(sluice::spectral_norm_state("feature_weight"), sluice::spectral_norm_state("gate_weight")),
        sluice::batch_norm_state());
  }
  std::vector<sluice::Attribute> attributes() const {
    auto all = sluice::convolution_attributes({"none+relu+leaky_relu", "elu", "tanh"});
    all = sluice::joined(all, sluice::transform_attributes("feature_weight", 16, true));
    all.push_back({"gate_activation", sluice::Attribute::Kind::variant, "sigmoid", {}, {}, {"sigmoid"}});
    return all;
  }
  std::map<std::string, std::string> variants() const {
    return {{"reading", reading.value()}, {"activation", activation.value()}, {"transform", transform.value()}};
  }

  // Panels of `lanes` output channels, feature and gate side by side, so that a tap of one input channel is two loads.
  std::vector<Port> packed() const {
    return {sluice::port("packed_weight", {{"lane", "lanes"},
                                           {"half", winograd().halved ? "" : "2"},
                                           {"i", ""},
                                           {"kx", ""},
                                           {"ky", ""},
                                           {"panel", ""}}),
            sluice::port("packed_bias", {{"o", ""}, {"row", ""}})};
  }
  void derive(Context &in, Stages &stages) const {
    sluice::derive_batch_norm(in, stages);
    for (const std::string half : {"feature", "gate"}) {
      sluice::derive_spectral_norm(in, stages, half + "_weight", "normed_" + half + "_weight");
    }
  }
  Stages pack(Context &in) const {
    Stages stages;
    const Var lane("lane"), half("half"), i("i"), kx("kx"), ky("ky"), panel("panel"), o("o"), row("row");
    const Expr channels = in["feature_weight"].extent.at("o"), last = channels - 1;
    const int width = panel_width(in);
    const Expr channel = panel_start(panel, channels, width) + lane % width, inside = channel < channels;
    const auto tap = [&](const Expr &across, const Expr &down) {
      return select(half + lane / width == 0, in["normed_feature_weight"](across, down, i, min(channel, last)),
                    in["normed_gate_weight"](across, down, i, min(channel, last)));
    };
    stages.add("packed_weight")(lane, half, i, kx, ky, panel) =
        select(inside, packed_tap(stages, {lane, half, i, panel}, kx, ky, tap), in.constant(0));
    stages.add("packed_bias")(o, row) = select(row == 0, in["feature_bias"](o), row == 1, in["gate_bias"](o), row == 2,
                                               in["norm_scale"](o), in["norm_shift"](o));
    return stages;
  }
  void unpack(Context &in) const {
    const Var kx("kx"), ky("ky"), i("i"), o("o");
    const Operand weights = in["packed_weight"], rows = in["packed_bias"];
    const char *const names[] = {"feature_bias", "gate_bias", "norm_scale", "norm_shift"};
    for (int row = 0; row < 4; row++) {
      Operand vector;
      vector.func = Func(names[row]);
      vector.func(o) = rows(o, row);
      vector.extent = rows.extent;
      in.add(names[row], vector);
    }
    for (int half = 0; half < 2; half++) {
      const std::string name = half == 0 ? "normed_feature_weight" : "normed_gate_weight";
      Operand weight;
      weight.func = Func(name);
      weight.func(kx, ky, i, o) = weights(o % in.lanes, half, i, kx, ky, sluice::panel_of(in, o, in.lanes, weights));
      weight.extent = weights.extent;
      in.add(name, weight);
    }
  }
  Stages update(Context &in) const {
    Stages stages;
    sluice::add_power_step(stages, in, "feature_weight");
    sluice::add_power_step(stages, in, "gate_weight");
    const Var o("o");
    stages.add("new_running_mean")(o) = in["running_mean"](o);
    stages.add("new_running_var")(o) = in["running_var"](o);
    return stages;
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    if (port == "packed_weight") {
      const auto &weight = in["feature_weight"].extent;
      return {in.lanes,
              2 * panel_width(in) / in.lanes,
              weight.at("i"),
              packed_across(in["feature_weight"]),
              packed_down(in["feature_weight"]),
              (weight.at("o") + panel_width(in) - 1) / panel_width(in)};
    }
    if (port == "packed_bias") return {in["feature_weight"].extent.at("o"), 4};
    return reader(in).extents(in, in["feature_bias"].extent.at("o"));
  }

  Stages define(Context &in) const {
    Stages stages;
    if (is_winograd() && !in.backward) return define_winograd(in);
    const Var c("c"), x("x"), y("y"), n("n");
    const auto &weight = in["normed_feature_weight"].extent;
    const RDom r(0, in["input"].extent.at("c"), 0, weight.at("kx"), 0, weight.at("ky"));  // i, kx, ky
    sluice::ConvolutionInput input = reader(in);
    input.define(in, stages);
    const Expr tap = input(r[0], r[1], r[2], x, y, n);
    Func &sum = stages.add("sum");
    sum(c, x, y, n) = Tuple(in.constant(0), in.constant(0));
    sum(c, x, y, n) = Tuple(sum(c, x, y, n)[0] + in["normed_feature_weight"](r[1], r[2], r[0], c) * tap,
                            sum(c, x, y, n)[1] + in["normed_gate_weight"](r[1], r[2], r[0], c) * tap);
    Func &feature = stages.add("feature"), &gate = stages.add("gate");
    feature(c, x, y, n) = sum(c, x, y, n)[0] + in["feature_bias"](c);
    gate(c, x, y, n) = sum(c, x, y, n)[1] + in["gate_bias"](c);
    stages.add("output")(c, x, y, n) = rest(in, c, feature(c, x, y, n), gate(c, x, y, n));
    return stages;
  }

 private:
  int panel_width(const Context &in) const {
    return sluice::winograd::is_halved(transform, in.lanes) ? in.lanes / 2 : in.lanes;
  }

  // What is done to the two sums of a pixel.
  Expr rest(const Context &in, const Expr &c, const Expr &feature, const Expr &gate) const {
    const Expr gated = sluice::activate(activation, feature, in) * sluice::sigmoid(gate, in);
    return gated * in["norm_scale"](c) + in["norm_shift"](c);
  }

  Stages define_winograd(const Context &in) const {
    Stages stages;
    const sluice::ConvolutionInput input = reader(in);
    sluice::winograd::Convolution convolution(in, winograd(), input.across(), input.down(),
                                              reading.value() == "doubled", in["feature_bias"].extent.at("o"), 2,
                                              2 * panel_width(in) / in.lanes);
    convolution.define(stages, [&](const Expr &c, const std::vector<Expr> &sums) {
      return rest(in, c, sums[0] + in["feature_bias"](c), sums[1] + in["gate_bias"](c));
    });
    return stages;
  }

  sluice::ConvolutionInput reader(const Context &in) const {
    const Operand &weight = in["normed_feature_weight"];
    return {in, reading, taps_across(weight), taps_down(weight)};
  }
};

SLUICE_REGISTER_LAYER(GatedConv2d, gated_conv2d)
