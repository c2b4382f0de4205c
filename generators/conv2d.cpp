// SPDX-License-Identifier: Apache-2.0
// Convolution over a picture (cross-correlation, as every framework has it), with norm and activation.
#include "derived_parameters.h"
#include "narrow_sums.h"
#include "weight_gradient.h"

using namespace Halide;
using sluice::Context;
using sluice::Operand;
using sluice::Port;
using sluice::Stages;

struct Conv2d : sluice::winograd::Transformed {
  static constexpr const char *kName = "conv2d";
  static constexpr const char *kSummary = "output = activation(norm(conv(input, weight) + bias))";
  static constexpr const char *kUpdateWhen = sluice::kPowerStep;
  static constexpr const char *kLinear = "feature", *kLinearWhen = "activation=none norm=none";
  GeneratorParam<std::string> reading{"reading", "plain"};
  GeneratorParam<std::string> activation{"activation", "none+relu+leaky_relu"};

  std::vector<Port> inputs() const { return {sluice::tensor("input").padded().rows()}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output").rows()}; }
  std::vector<Port> parameters() const {
    return sluice::joined({sluice::convolution_weight("weight"), sluice::convolution_bias("bias")},
                          sluice::batch_norm_parameters());
  }
  std::vector<Port> state() const {
    return sluice::joined(sluice::spectral_norm_state("weight"), sluice::batch_norm_state());
  }
  std::vector<sluice::Attribute> attributes() const {
    const std::string narrow = "narrow: algorithm=fastest reading=plain groups=1 weight.o<=4 ";
    const std::string deep =
        "winograd_deep: algorithm=fastest padding_mode=zeros groups=1 kernel=3 stride=1 upsample=1|2 "
        "activation=none|relu|leaky_relu weight.i>=384 weight.o>=384; ";
    const std::string first = narrow + sluice::narrow::kFits + "; " + deep;
    return sluice::joined(sluice::convolution_attributes(sluice::activation_families()),
                          sluice::transform_attributes("weight", 32, false, first));
  }
  std::map<std::string, std::string> variants() const {
    return {{"reading", reading.value()}, {"activation", activation.value()}, {"transform", transform.value()}};
  }

  // The definition sees the weight over its spectral norm, and the norm as a scale and an offset of the sum.
  void derive(Context &in, Stages &stages) const {
    sluice::derive_batch_norm(in, stages);
    sluice::derive_spectral_norm(in, stages, "weight", "normed_weight");
    const Var o("o");
    Operand offset;
    offset.func = stages.add("offset");
    offset.func(o) = in["bias"](o) * in["norm_scale"](o) + in["norm_shift"](o);
    offset.extent = in["bias"].extent;
    in.add("offset", offset);
  }

  std::map<std::string, std::string> linear() const { return {{"weight", "normed_weight"}, {"bias", "bias"}}; }

  // Panels of two vectors of output channels.
  std::vector<Port> packed() const {
    return {
        sluice::port(
            "packed_weight",
            {{"lane", "lanes"}, {"half", is_narrow() ? "1" : "2"}, {"i", ""}, {"kx", ""}, {"ky", ""}, {"panel", ""}}),
        sluice::port("packed_bias", {{"o", ""}, {"row", ""}})};
  }
  Stages pack(Context &in) const {
    Stages stages;
    const Var lane("lane"), half("half"), i("i"), kx("kx"), ky("ky"), panel("panel"), o("o"), row("row");
    stages.add("packed_weight")(lane, half, i, kx, ky, panel) = packed_weight(in, stages, lane, half, i, kx, ky, panel);
    stages.add("packed_bias")(o, row) = select(row == 0, in["norm_scale"](o), in["offset"](o));
    return stages;
  }
  void unpack(Context &in) const {
    const Var kx("kx"), ky("ky"), i("i"), o("o");
    Operand weight = in["packed_weight"];
    Func packed = weight.func;
    weight.func = Func("normed_weight");
    const Expr panel = sluice::panel_of(in, o, 2 * in.lanes, weight);
    weight.func(kx, ky, i, o) = packed(o % in.lanes, (o / in.lanes) % 2, i, kx, ky, panel);
    in.add("normed_weight", weight);
    const Operand rows = in["packed_bias"];
    for (int row = 0; row < 2; row++) {
      const std::string name = row == 0 ? "norm_scale" : "offset";
      Operand vector;
      vector.func = Func(name);
      vector.func(o) = rows(o, row);
      vector.extent = rows.extent;
      in.add(name, vector);
    }
  }
  Stages update(Context &in) const {
    Stages stages;
    sluice::add_power_step(stages, in, "weight");
    const Var o("o");
    stages.add("new_running_mean")(o) = in["running_mean"](o);
    stages.add("new_running_var")(o) = in["running_var"](o);
    return stages;
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    if (port == "packed_weight") {
      const auto &weight = in["weight"].extent;
      if (is_narrow()) {
        return {in.lanes, 1, sluice::narrow::groups(weight.at("i")), weight.at("kx"), weight.at("ky"), weight.at("o")};
      }
      return {in.lanes,
              2,
              weight.at("i"),
              packed_across(in["weight"]),
              packed_down(in["weight"]),
              (weight.at("o") + 2 * in.lanes - 1) / (2 * in.lanes)};
    }
    if (port == "packed_bias") return {in["weight"].extent.at("o"), 2};
    if (port == "grad_bias") return {in["grad_output"].extent.at("c")};
    if (port == "grad_weight") {
      return {winograd().across.taps(), winograd().down.taps(), in["input"].extent.at("c"),
              in["grad_output"].extent.at("c")};
    }
    return reader(in).extents(in, in["offset"].extent.at("o"));
  }

  // Of the nodes that have a transform and no norm: by tiles, and the bias by rows.
  Stages weight_gradient(const Context &in) const {
    Stages stages;
    const sluice::ConvolutionInput input(in, reading, winograd().across.taps(), winograd().down.taps());
    sluice::WeightGradient(in, winograd(), input, reading.value() == "doubled").define(stages, "grad_weight");
    const Operand &upstream = in["grad_output"];
    const Var o("o"), y("y"), n("n");
    const RDom column(0, upstream.extent.at("x")), row(0, upstream.extent.at("y"), 0, upstream.extent.at("n"));
    Func &rows = stages.add("bias_rows"), &bias = stages.add("bias");
    rows(o, y, n) = in.constant(0);
    rows(o, y, n) += upstream(o, column, y, n);
    bias(o) = in.constant(0);
    bias(o) += rows(o, row[0], row[1]);
    stages.add("grad_bias")(o) = bias(o);
    return stages;
  }

  Stages define(Context &in) const {
    Stages stages;
    if (is_winograd() && !in.backward) return define_winograd(in);
    const Var c("c"), x("x"), y("y"), n("n");
    const auto &weight = in["normed_weight"].extent;
    const RDom r(0, in["input"].extent.at("c"), 0, weight.at("kx"), 0, weight.at("ky"));  // i, kx, ky
    sluice::ConvolutionInput input = reader(in);
    if (is_narrow() && !in.backward) {
      sluice::narrow::define_sum(in, input, stages);
    } else {
      input.define(in, stages);
      Func &sum = stages.add("sum");
      sum(c, x, y, n) = in.constant(0);
      sum(c, x, y, n) += in["normed_weight"](r[1], r[2], r[0], c) * input(r[0], r[1], r[2], x, y, n);
    }
    const Func sum = stages["sum"];
    stages.add("feature")(c, x, y, n) = sum(c, x, y, n) * in["norm_scale"](c) + in["offset"](c);
    stages.add("output")(c, x, y, n) = sluice::activate(activation, stages["feature"](c, x, y, n), in);
    return stages;
  }

 private:
  bool is_narrow() const { return transform.value() == "narrow"; }

  Expr packed_weight(const Context &in, Stages &stages, const Var &lane, const Var &half, const Var &i, const Var &kx,
                     const Var &ky, const Var &panel) const {
    const Operand &weight = in["normed_weight"];
    if (is_narrow()) {
      return sluice::narrow::packed_weight(lane, i, in["weight"].extent.at("i"),
                                           [&](const Expr &from) { return weight(kx, ky, from, panel); });
    }
    const Expr channels = in["weight"].extent.at("o"), last = channels - 1;
    const Expr channel = panel_start(panel, channels, 2 * in.lanes) + half * in.lanes + lane;
    const auto tap = [&](const Expr &x, const Expr &y) { return weight(x, y, i, min(channel, last)); };
    return select(channel <= last, packed_tap(stages, {lane, half, i, panel}, kx, ky, tap), in.constant(0));
  }

  Stages define_winograd(const Context &in) const {
    Stages stages;
    const sluice::ConvolutionInput input = reader(in);
    sluice::winograd::Convolution convolution(in, winograd(), input.across(), input.down(),
                                              reading.value() == "doubled", in["offset"].extent.at("o"), 1);
    convolution.define(stages, [&](const Expr &c, const std::vector<Expr> &sums) {
      return sluice::activate(activation, sums[0] * in["norm_scale"](c) + in["offset"](c), in);
    });
    return stages;
  }

  sluice::ConvolutionInput reader(const Context &in) const {
    const Operand &weight = in["normed_weight"];
    return {in, reading, taps_across(weight), taps_down(weight)};
  }
};

SLUICE_REGISTER_LAYER(Conv2d, conv2d)
SLUICE_REGISTER_DERIVED(Conv2d, conv2d)
SLUICE_REGISTER_WEIGHT_GRADIENT(Conv2d, conv2d)
