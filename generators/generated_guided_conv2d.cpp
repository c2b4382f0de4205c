// SPDX-License-Identifier: Apache-2.0
// Guided convolution with the generation of its kernels: every pixel has its own K = kh*kw taps for every channel, a
// convolution of the guidance; they are used where they are made and never stored.
// Source: Tang et al., Learning Guided Convolutional Network for Depth Completion (arXiv 1908.01238), section 3.2;
// kakaxi314/GuideNet: models.py (conv12, local, br of Guide). Softmax over the taps: De Brabandere et al., Dynamic
// Filter Networks (arXiv 1605.09673), section 3.
//
//   kernels(c, kx, ky, x, y) = bias(t) + sum over i, gx, gy of weight(gx, gy, i, t) * guidance(i, x + gx - gw/2,
//   y + gy - gh/2), t = (c*kh + ky)*kw + kx, zeros outside; with softmax=taps: e^kernels over its sum over kx, ky
//   output(c, x, y) = activation(norm(sum over kx, ky of kernels(c, kx, ky, x, y) * padded(c, x*s + kx*d, y*s + ky*d)))
#include "convolution.h"

using namespace Halide;
using sluice::Context;
using sluice::Operand;
using sluice::Port;
using sluice::Stages;

namespace {

constexpr int kTaps = 3;  // of one row, generated together

}  // namespace

struct GeneratedGuidedConv2d : sluice::LayerDefaults {
  static constexpr const char *kName = "generated_guided_conv2d";
  static constexpr const char *kSummary =
      "output = activation(norm(sum over taps of kernels * input)), kernels = softmax(conv(guidance, weight) + bias)";
  GeneratorParam<std::string> reading{"reading", "plain"};
  GeneratorParam<std::string> softmax{"softmax", "none"};

  std::vector<Port> inputs() const { return {sluice::tensor("input").padded_channels(), sluice::tensor("guidance")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<Port> parameters() const {
    return sluice::joined({sluice::port("weight", {{"kx", "generation_kernel_w"},
                                                   {"ky", "generation_kernel_h"},
                                                   {"i", "guidance.c"},
                                                   {"o", "input.c*kernel_h*kernel_w"}}),
                           sluice::port("bias", {{"o", "input.c*kernel_h*kernel_w"}}).only_when("bias=true")},
                          sluice::batch_norm_parameters("input.c"));
  }
  std::vector<Port> state() const { return sluice::batch_norm_state("input.c"); }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    auto all = sluice::joined(sluice::window_attributes(), sluice::activation_attributes({"none+relu+leaky_relu"}));
    for (sluice::Attribute &one : all) {
      if (one.name == "kernel") one.kind = Kind::integer;
      if (one.name == "padding") one.fallback = "same";
    }
    const std::vector<sluice::Attribute> own = {
        {"generation_kernel", Kind::shape, "", {"generation_kernel_h", "generation_kernel_w"}, {}, {}},
        {"softmax", Kind::variant, "none", {}, {}, {"none", "taps"}},
        {"reading", Kind::derived, "plain: stride=1 padding_mode=zeros; gathered:", {}, {}, {"plain", "gathered"}}};
    return sluice::joined(sluice::joined(all, own), sluice::batch_norm_attributes());
  }
  std::map<std::string, std::string> variants() const {
    return {{"reading", reading.value()}, {"softmax", softmax.value()}};
  }

  // The largest tap of a pixel, recomputed before backward: it carries no gradient.
  std::vector<Port> saved() const {
    if (softmax.value() == "none") return {};
    return {sluice::tensor("tap_max")};
  }

  // The definition sees parameters by channel and tap.
  void derive(Context &in, Stages &stages) const {
    sluice::derive_batch_norm(in, stages);
    Operand weight, bias;
    weight.func = stages.add("tap_weight");
    bias.func = stages.add("tap_bias");
    const Expr row = ky * in.scalar("kernel_w") + kx, taps = in.scalar("kernel_h") * in.scalar("kernel_w");
    weight.func(gx, gy, i, kx, ky, c) = in["weight"](gx, gy, i, c * taps + row);
    bias.func(kx, ky, c) = in["bias"](c * taps + row);
    weight.extent = {{"gx", in["weight"].extent.at("kx")}, {"gy", in["weight"].extent.at("ky")}};
    in.add("tap_weight", weight);
    in.add("tap_bias", bias);
  }

  // A panel is a vector of channels; kTaps taps of a row side by side, rows padded to whole chunks of them.
  std::vector<Port> packed() const {
    const std::vector<sluice::Axis> inner{{"lane", "lanes"}, {"tap", "3"}}, outer{{"chunk", ""}, {"panel", ""}};
    std::vector<sluice::Axis> weight = inner, bias = inner;
    for (const char *axis : {"i", "gx", "gy"}) weight.push_back({axis, ""});
    for (const sluice::Axis &axis : outer) {
      weight.push_back(axis);
      bias.push_back(axis);
    }
    return {sluice::port("packed_weight", weight), sluice::port("packed_bias", bias),
            sluice::port("packed_norm", {{"o", ""}, {"row", ""}})};
  }
  Stages pack(Context &in) const {
    Stages stages;
    const Var lane("lane"), tap("tap"), chunk("chunk"), panel("panel"), o("o"), row("row");
    const Expr channel = panel * in.lanes + lane, last = channels(in) - 1, kw = in.scalar("kernel_w");
    const Expr column = chunk % chunks(in) * kTaps + tap;
    const Expr inside = channel <= last && column < kw;
    const Expr x = min(column, kw - 1), y = chunk / chunks(in), z = min(channel, last);
    stages.add("packed_weight")(lane, tap, i, gx, gy, chunk, panel) =
        select(inside, in["tap_weight"](gx, gy, i, x, y, z), in.constant(0));
    stages.add("packed_bias")(lane, tap, chunk, panel) = select(inside, in["tap_bias"](x, y, z), in.constant(0));
    stages.add("packed_norm")(o, row) = select(row == 0, in["norm_scale"](o), in["norm_shift"](o));
    return stages;
  }
  void unpack(Context &in) const {
    const Var o("o");
    const Operand weights = in["packed_weight"], biases = in["packed_bias"], norm = in["packed_norm"];
    const Expr chunk = ky * chunks(in) + kx / kTaps;
    Operand weight, bias;
    weight.func = Func("tap_weight");
    bias.func = Func("tap_bias");
    weight.func(gx, gy, i, kx, ky, c) = weights(c % in.lanes, kx % kTaps, i, gx, gy, chunk, c / in.lanes);
    bias.func(kx, ky, c) = biases(c % in.lanes, kx % kTaps, chunk, c / in.lanes);
    weight.extent = weights.extent;
    in.add("tap_weight", weight);
    in.add("tap_bias", bias);
    for (int row = 0; row < 2; row++) {
      const std::string name = row == 0 ? "norm_scale" : "norm_shift";
      Operand vector;
      vector.func = Func(name);
      vector.func(o) = norm(o, row);
      in.add(name, vector);
    }
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    if (port == "packed_norm") return {channels(in), 2};
    if (port.find("packed_") == 0) {
      const auto &weight = in["weight"].extent;
      const Expr all = chunks(in) * in.scalar("kernel_h"), panels = (channels(in) + in.lanes - 1) / in.lanes;
      if (port == "packed_bias") return {in.lanes, kTaps, all, panels};
      return {in.lanes, kTaps, weight.at("i"), weight.at("kx"), weight.at("ky"), all, panels};
    }
    return reader(in).extents(in, in["input"].extent.at("c"));
  }

  Stages define(Context &in) const {
    Stages stages;
    sluice::ConvolutionInput input = reader(in);
    input.define(in, stages);
    define_kernels(in, stages);
    const RDom r(0, in.scalar("kernel_w"), 0, in.scalar("kernel_h"));
    Func &sum = stages.add("sum"), &filtered = stages.add("filtered");
    const bool normalised = softmax.value() == "taps";
    if (normalised) define_softmax(in, stages, r);
    sum(c, x, y, n) = in.constant(0);
    sum(c, x, y, n) +=
        stages[normalised ? "unnormalised" : "kernels"](c, r.x, r.y, x, y, n) * input(c, r.x, r.y, x, y, n);
    filtered(c, x, y, n) = normalised ? sum(c, x, y, n) / stages["tap_sum"](c, x, y, n) : Expr(sum(c, x, y, n));
    stages.add("feature")(c, x, y, n) = filtered(c, x, y, n) * in["norm_scale"](c) + in["norm_shift"](c);
    stages.add("output")(c, x, y, n) = sluice::activate("none+relu+leaky_relu", stages["feature"](c, x, y, n), in);
    return stages;
  }

 private:
  const Var c{"c"}, x{"x"}, y{"y"}, n{"n"}, kx{"kx"}, ky{"ky"}, gx{"gx"}, gy{"gy"}, i{"i"};

  static Expr chunks(const Context &in) { return (in.scalar("kernel_w") + kTaps - 1) / kTaps; }
  static Expr channels(const Context &in) {
    return in["weight"].extent.at("o") / (in.scalar("kernel_h") * in.scalar("kernel_w"));
  }
  sluice::ConvolutionInput reader(const Context &in) const {
    return {in, reading, in.scalar("kernel_w"), in.scalar("kernel_h"), false};
  }

  // The guidance has the size of the output, whatever its own buffer says.
  void define_kernels(const Context &in, Stages &stages) const {
    const auto &weight = in["tap_weight"].extent;
    const std::vector<Expr> size = reader(in).extents(in, 1);
    const Expr gw = weight.at("gx"), gh = weight.at("gy");
    const Func guidance = BoundaryConditions::constant_exterior(
        in["guidance"].func, in.constant(0), {{Expr(), Expr()}, {0, size[1]}, {0, size[2]}, {Expr(), Expr()}});
    const RDom g(0, in["guidance"].extent.at("c"), 0, gw, 0, gh);
    Func &guided = stages.add("guided"), &kernels = stages.add("kernels");
    const Expr u = x - (gw - 1) / 2, v = y - (gh - 1) / 2;
    if (in.backward) {
      guided(i, x, y, n) = guidance(i, u, v, n);
    } else {
      // A 1x1 window is never outside; what a tile has beyond the edge is not stored.
      const Expr pointwise = gw == 1 && gh == 1, inside = u >= 0 && u < size[1] && v >= 0 && v < size[2];
      const auto nearest = [&](const Expr &own, const Expr &at, const Expr &extent) {
        return select(pointwise, clamp(own, 0, extent - 1), clamp(likely(at), 0, extent - 1));
      };
      const Expr value = in["guidance"](i, nearest(x, u, size[1]), nearest(y, v, size[2]), n);
      guided(i, x, y, n) = select(pointwise || inside, value, in.constant(0));
      stages.add("pointwise")() = pointwise;
    }
    kernels(c, kx, ky, x, y, n) = in["tap_bias"](kx, ky, c);
    kernels(c, kx, ky, x, y, n) += in["tap_weight"](g[1], g[2], g[0], kx, ky, c) * guided(g[0], x + g[1], y + g[2], n);
  }

  void define_softmax(const Context &in, Stages &stages, const RDom &r) const {
    Func &largest = stages.add("tap_max"), &unnormalised = stages.add("unnormalised"), &total = stages.add("tap_sum");
    const Func kernels = stages["kernels"];
    if (in.has("saved_tap_max")) {
      largest(c, x, y, n) = in["saved_tap_max"](c, x, y, n);
    } else {
      largest(c, x, y, n) = in.element.min();
      largest(c, x, y, n) = max(largest(c, x, y, n), kernels(c, r.x, r.y, x, y, n));
    }
    unnormalised(c, kx, ky, x, y, n) = exp(kernels(c, kx, ky, x, y, n) - largest(c, x, y, n));
    total(c, x, y, n) = in.constant(0);
    total(c, x, y, n) += unnormalised(c, r.x, r.y, x, y, n);
  }
};

SLUICE_REGISTER_LAYER(GeneratedGuidedConv2d, generated_guided_conv2d)
