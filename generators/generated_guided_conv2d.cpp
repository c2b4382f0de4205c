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
//
// 3x3 taps from a 3x3 window are nine convolutions by minimal filtering (winograd.h), whose results are used at once.
#include "winograd.h"

using namespace Halide;
using sluice::Context;
using sluice::Operand;
using sluice::Port;
using sluice::Stages;

namespace {

constexpr int kTaps = 3;  // of one row, generated together

}  // namespace

struct GeneratedGuidedConv2d : sluice::winograd::Transformed {
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
        {"algorithm", Kind::note, "fastest", {}, {}, {"fastest", "direct"}},
        {"transform",
         Kind::derived,
         "winograd: algorithm=fastest softmax=none stride=1 dilation=1 padding_mode=zeros kernel=3 generation_kernel=3 "
         "weight.i>=16 weight.o>=144; none:",
         {},
         {},
         {}},
        {"reading", Kind::derived, "plain: stride=1 padding_mode=zeros; gathered:", {}, {}, {"plain", "gathered"}}};
    return sluice::joined(sluice::joined(all, own), sluice::batch_norm_attributes());
  }
  std::map<std::string, std::string> variants() const {
    return {{"reading", reading.value()}, {"softmax", softmax.value()}, {"transform", transform.value()}};
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

  // A panel is a vector of channels; kTaps taps of a row side by side, rows padded to whole chunks of them. With
  // transform=winograd gx and gy are the point, and the bias is by channel and tap.
  std::vector<Port> packed() const {
    const std::vector<sluice::Axis> inner{{"lane", "lanes"}, {"tap", "3"}}, outer{{"chunk", ""}, {"panel", ""}};
    std::vector<sluice::Axis> weight = inner, bias = inner;
    if (is_winograd()) bias = {{"o", ""}, {"tap", ""}};
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
    const Expr all = channels(in), last = all - 1, kw = in.scalar("kernel_w");
    const Expr channel = panel_start(panel, all, in.lanes) + lane, column = chunk % chunks(in) * kTaps + tap;
    const Expr inside = channel <= last && column < kw;
    const Expr x = min(column, kw - 1), y = chunk / chunks(in), z = min(channel, last);
    const auto weight = [&](const Expr &at_x, const Expr &at_y) { return in["tap_weight"](at_x, at_y, i, x, y, z); };
    stages.add("packed_weight")(lane, tap, i, gx, gy, chunk, panel) =
        select(inside, packed_tap(stages, {lane, tap, i, chunk, panel}, gx, gy, weight), in.constant(0));
    if (is_winograd()) {
      stages.add("packed_bias")(lane, tap, chunk, panel) = in["tap_bias"](tap % kTaps, tap / kTaps, lane);
    } else {
      stages.add("packed_bias")(lane, tap, chunk, panel) = select(inside, in["tap_bias"](x, y, z), in.constant(0));
    }
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
      if (port == "packed_bias" && is_winograd()) return {channels(in), kTaps * kTaps, 1, 1};
      if (port == "packed_bias") return {in.lanes, kTaps, all, panels};
      const Operand &own = in["weight"];
      return {in.lanes, kTaps, weight.at("i"), packed_across(own), packed_down(own), all, panels};
    }
    return reader(in).extents(in, in["input"].extent.at("c"));
  }

  Stages define(Context &in) const {
    Stages stages;
    if (is_winograd() && !in.backward) return define_winograd(in);
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
    if (!in.has("weight")) return in["packed_norm"].extent.at("o");
    return in["weight"].extent.at("o") / (in.scalar("kernel_h") * in.scalar("kernel_w"));
  }
  sluice::ConvolutionInput reader(const Context &in) const {
    return {in, reading, in.scalar("kernel_w"), in.scalar("kernel_h"), false};
  }

  // The taps as nine convolutions of the guidance by minimal filtering.
  Stages define_winograd(const Context &in) const {
    Stages stages;
    const Var lane("lane"), tap("tap"), panel("panel");
    Context generation = in;
    for (const std::string axis : {"w", "h"}) generation.add_scalar("dilation_" + axis, 1);
    sluice::ConvolutionInput input = reader(generation);
    input.define(generation, stages);
    const std::vector<Expr> size = reader(generation).extents(in, 1);
    Operand weight = in["packed_weight"];
    const Func packed = weight.func;
    weight.func = Func("tap_weights");
    weight.func(lane, tap, i, gx, gy, panel) = packed(lane, tap % kTaps, i, gx, gy, tap / kTaps, panel);
    generation.add("packed_weight", weight);
    generation.add("input", in["guidance"]);
    const int taps = kTaps * kTaps;
    sluice::winograd::Convolution convolution(generation, winograd(), {1, size[1], size[1]}, {1, size[2], size[2]},
                                              false, channels(in), taps, taps);
    const auto value = [&](const Expr &c, const std::vector<Expr> &sums, const Expr &column, const Expr &row,
                           const Expr &tile, const Expr &block) {
      const Var u("u"), v("v"), t("t"), b("b");
      Func &window = stages.add("window");  // what the taps of a tile see
      const auto axis = [&](const std::string &name, const std::string &origin, const sluice::ConvolutionAxis &axis) {
        const Expr at = stages[origin](t, b) + u - axis.before;
        stages.add(name)(u, t, b) = clamp(at, 0, max(axis.size - 1, 0));
        stages.add(name + "_bits")(u, t, b) = select(at >= 0 && at < axis.size, -1, 0);
      };
      axis("window_column", "tile_x", input.across());
      axis("window_row", "tile_y", input.down());
      const Expr source = unsafe_promise_clamped(lane, 0, channels(in) - 1);
      window(lane, u, v, t, b) =
          sluice::winograd::masked(in["input"].stored(source, stages["window_column"](u, t, b),
                                                      stages["window_row"](v, t, b), stages["tile_n"](t, b)),
                                   stages["window_column_bits"](u, t, b) & stages["window_row_bits"](v, t, b));
      Expr sum;
      for (int k = 0; k < taps; k++) {
        const Expr sample = window(c, column + k % kTaps, row + k / kTaps, tile, block);
        const Expr term = (sums[k] + in["packed_bias"](c, k, 0, 0)) * sample;
        sum = sum.defined() ? sum + term : term;
      }
      return sluice::activate("none+relu+leaky_relu", sum * in["norm_scale"](c) + in["norm_shift"](c), in);
    };
    convolution.define(stages, value);
    return stages;
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
