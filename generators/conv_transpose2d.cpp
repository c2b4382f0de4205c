// SPDX-License-Identifier: Apache-2.0
// Transposed convolution, the adjoint of a strided one: input pixel x adds weight(kx) to output pixel s*x + kx*d - p.
// Source: Dumoulin and Visin, A guide to convolution arithmetic (arXiv 1603.07285), section 4; shapes, order of the
// weight's axes and output_padding as in PyTorch (torch.nn.ConvTranspose2d).
//
// Output pixel X takes the taps kx for which X + p - kx*d is a multiple of s; no other product is formed. With stride 1
// (`phases=one`) it is an ordinary convolution with the window turned around. With stride 2 (`phases=two`) these are
// every other tap, and which ones depends on the parity of X: for each of the four parities the output is an ordinary
// convolution with a part of the window.
//
// output_size: height and width of the output, of the several that the convolution would make this input from;
// padding=same is then that of this convolution (TensorFlow: tf.nn.conv2d_transpose). Without it: as PyTorch, from
// output_padding.
#include "winograd.h"

using namespace Halide;
using sluice::Context;
using sluice::Operand;
using sluice::Port;
using sluice::Stages;

struct ConvTranspose2d : sluice::winograd::Transformed {
  static constexpr const char *kName = "conv_transpose2d";
  static constexpr const char *kSummary =
      "output = activation(norm(sum + bias)), sum(s*x + kx*d - p) gathers weight(kx) * input(x); weight [i o kh kw]";
  GeneratorParam<std::string> phases{"phases", "two"};
  GeneratorParam<std::string> activation{"activation", "none+relu+leaky_relu"};

  std::vector<Port> inputs() const { return {sluice::tensor("input").padded()}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<Port> parameters() const {
    return sluice::joined(
        {sluice::port("weight", {{"kx", "kernel_w"}, {"ky", "kernel_h"}, {"o", "channels/groups"}, {"i", "input.c"}}),
         sluice::convolution_bias("bias")},
        sluice::batch_norm_parameters());
  }
  std::vector<Port> state() const { return sluice::batch_norm_state(); }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    const std::vector<sluice::Attribute> own = {
        {"kernel", Kind::shape, "", {"kernel_h", "kernel_w"}, {}, {}},
        {"stride", Kind::integer, "1", {"stride_h", "stride_w"}, {}, {}},
        {"dilation", Kind::integer, "1", {"dilation_h", "dilation_w"}, {}, {}},
        {"padding",
         Kind::integer,
         "0",
         {"padding_top", "padding_bottom", "padding_left", "padding_right"},
         {{"same", "padding_same"}},
         {}},
        {"output_padding", Kind::integer, "0", {"output_padding_h", "output_padding_w"}, {}, {}},
        {"output_size", Kind::integer, "0", {"output_height", "output_width"}, {}, {}},
        {"padding_rule", Kind::note, "explicit", {}, {}, {"explicit", "same"}},
        {"padding_mode", Kind::note, "zeros", {}, {}, {"zeros"}},
        {"bias", Kind::shape, "true", {}, {}, {}},
        {"channels", Kind::shape, "", {}, {}, {}},
        {"groups", Kind::groups, "1", {}, {}, {}},
        {"phases", Kind::derived, "one: stride=1; two: stride=2 dilation=1; any:", {}, {}, {"one", "two", "any"}},
        {"algorithm", Kind::note, "fastest", {}, {}, {"fastest", "direct"}},
        {"transform",
         Kind::derived,
         "winograd: algorithm=fastest kernel=3 stride=1 groups=1 weight.i>=16 weight.o>=32; "
         "winograd_transposed: algorithm=fastest kernel=3 stride=2 dilation=1 groups=1 weight.i>=16 weight.o>=32; "
         "none:",
         {},
         {},
         {}}};
    return sluice::joined(sluice::joined(own, sluice::activation_attributes({"none+relu+leaky_relu"})),
                          sluice::batch_norm_attributes());
  }
  std::map<std::string, std::string> variants() const {
    return {{"phases", phases.value()}, {"activation", activation.value()}, {"transform", transform.value()}};
  }

  // The definition sees the norm as a scale and an offset of the sum.
  void derive(Context &in, Stages &stages) const {
    sluice::derive_batch_norm(in, stages);
    const Var o("o");
    Operand offset = in["bias"];
    offset.func = stages.add("offset");
    offset.func(o) = in["bias"](o) * in["norm_scale"](o) + in["norm_shift"](o);
    offset.extent["o"] = in["weight"].extent.at("o");  // a bias that is absent may be shorter
    in.add("offset", offset);
  }

  // Panels of two vectors of output channels.
  std::vector<Port> packed() const {
    return {sluice::port("packed_weight",
                         {{"lane", "lanes"}, {"half", "2"}, {"i", ""}, {"kx", ""}, {"ky", ""}, {"panel", ""}}),
            sluice::port("packed_bias", {{"o", ""}, {"row", ""}})};
  }
  Stages pack(Context &in) const {
    Stages stages;
    const Var lane("lane"), half("half"), i("i"), kx("kx"), ky("ky"), panel("panel"), o("o"), row("row");
    const Expr channels = in["weight"].extent.at("o"), last = channels - 1;
    const Expr channel = panel_start(panel, channels, 2 * in.lanes) + half * in.lanes + lane;
    // Winograd's is that of an ordinary convolution: turned around.
    const int last_tap = winograd().across.taps() - 1;
    const auto tap = [&](const Expr &x, const Expr &y) {
      return in["weight"](is_winograd() ? last_tap - x : x, is_winograd() ? last_tap - y : y, min(channel, last), i);
    };
    stages.add("packed_weight")(lane, half, i, kx, ky, panel) =
        select(channel <= last, packed_tap(stages, {lane, half, i, panel}, kx, ky, tap), in.constant(0));
    stages.add("packed_bias")(o, row) = select(row == 0, in["norm_scale"](o), in["offset"](o));
    return stages;
  }
  void unpack(Context &in) const {
    const Var kx("kx"), ky("ky"), i("i"), o("o");
    Operand weight = in["packed_weight"];
    const Func packed = weight.func;
    weight.func = Func("weight");
    weight.func(kx, ky, o, i) =
        packed(o % in.lanes, (o / in.lanes) % 2, i, kx, ky, sluice::panel_of(in, o, 2 * in.lanes, in["packed_weight"]));
    in.add("weight", weight);
    const Operand rows = in["packed_bias"];
    for (int row = 0; row < 2; row++) {
      const std::string name = row == 0 ? "norm_scale" : "offset";
      Operand vector = rows;
      vector.func = Func(name);
      vector.func(o) = rows(o, row);
      in.add(name, vector);
    }
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    if (port == "packed_weight") {
      const auto &weight = in["weight"].extent;
      return {in.lanes,
              2,
              weight.at("i"),
              packed_across(in["weight"]),
              packed_down(in["weight"]),
              (weight.at("o") + 2 * in.lanes - 1) / (2 * in.lanes)};
    }
    if (port == "packed_bias") return {in["weight"].extent.at("o"), 2};
    return {in["offset"].extent.at("o"), line(in, "x").output, line(in, "y").output, in["input"].extent.at("n")};
  }

  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    if (is_winograd() && !in.backward) return define_winograd(in);
    Expr sum;
    if (in.backward) {
      sum = scattered(in, stages);
    } else if (phases.value() == "one") {
      sum = turned(in, stages);
    } else {
      sum = phases.value() == "two" ? by_parity(in, stages) : gathered(in, stages);
    }
    stages.add("feature")(c, x, y, n) = sum * in["norm_scale"](c) + in["offset"](c);
    stages.add("output")(c, x, y, n) = sluice::activate(activation, stages["feature"](c, x, y, n), in);
    return stages;
  }

 private:
  // Along one spatial axis. whole: extent before the padding is cut off.
  struct Line {
    Expr stride, dilation, before, kernel, input, whole, output;
  };
  Line line(const Context &in, const std::string &axis) const {
    const bool vertical = axis == "y";
    const std::string side = vertical ? "h" : "w";
    Line made{in.scalar("stride_" + side),
              in.scalar("dilation_" + side),
              Expr(),
              Expr(),
              in["input"].extent.at(axis),
              Expr(),
              Expr()};
    made.kernel = vertical ? taps_down(in["weight"]) : taps_across(in["weight"]);
    made.whole = (made.input - 1) * made.stride + (made.kernel - 1) * made.dilation + 1;
    const Expr size = in.scalar(vertical ? "output_height" : "output_width");
    const Expr before = in.scalar(vertical ? "padding_top" : "padding_left");
    const Expr after = in.scalar(vertical ? "padding_bottom" : "padding_right");
    const Expr same = in.scalar("padding_same") != 0 && size != 0;
    made.before = select(same, max(made.whole - size, 0) / 2, before);
    made.output = select(size != 0, size, made.whole - before - after + in.scalar("output_padding_" + side));
    return made;
  }

  // Stride 1.
  Expr turned(const Context &in, Stages &stages) const {
    const Var c("c"), x("x"), y("y"), n("n");
    const Line across = line(in, "x"), down = line(in, "y");
    const RDom r(0, in["input"].extent.at("c"), 0, across.kernel, 0, down.kernel);  // i, kx, ky
    const Expr u = x + across.before - r[1] * across.dilation, v = y + down.before - r[2] * down.dilation;
    Func &sum = stages.add("sum");
    sum(c, x, y, n) = in.constant(0);
    sum(c, x, y, n) += in["weight"](r[1], r[2], c, r[0]) * in["input"](r[0], u, v, n);
    return sum(c, x, y, n);
  }

  Stages define_winograd(const Context &in) const {
    Stages stages;
    const bool dense = winograd().across.transposed();  // else an ordinary convolution, turned around
    const auto axis = [&](const Line &line) {
      const Expr before = dense ? line.before : (line.kernel - 1) * line.dilation - line.before;
      return sluice::ConvolutionAxis{before, line.input, line.output};
    };
    sluice::winograd::Convolution convolution(in, winograd(), axis(line(in, "x")), axis(line(in, "y")), false,
                                              in["offset"].extent.at("o"), 1);
    convolution.define(stages, [&](const Expr &c, const std::vector<Expr> &sums) {
      return sluice::activate(activation, sums[0] * in["norm_scale"](c) + in["offset"](c), in);
    });
    return stages;
  }

  // Output pixels (2*u + p, 2*v + q): sum(c, u, v, p, q, n) over the taps b + 2*j with b = (p + before) % 2.
  Expr by_parity(Context &in, Stages &stages) const {
    const Var c("c"), x("x"), y("y"), n("n"), u("u"), v("v"), p("p"), q("q");
    const Line across = line(in, "x"), down = line(in, "y");
    RDom r(0, in["input"].extent.at("c"), 0, (across.kernel + 1) / 2, 0, (down.kernel + 1) / 2);  // i, j, l
    const Expr kx = (p + across.before) % 2 + 2 * r[1], ky = (q + down.before) % 2 + 2 * r[2];
    r.where(kx < across.kernel);
    r.where(ky < down.kernel);
    Func &sum = stages.add("sum");
    sum(c, u, v, p, q, n) = in.constant(0);
    sum(c, u, v, p, q, n) += in["weight"](unsafe_promise_clamped(kx, 0, across.kernel - 1),
                                          unsafe_promise_clamped(ky, 0, down.kernel - 1), c, r[0]) *
                             in["input"](r[0], u + (p + across.before) / 2 - r[1], v + (q + down.before) / 2 - r[2], n);
    Func &phase = stages.add("phase");
    phase(c, u, v, p, q, n) = sum(c, u, v, p, q, n);
    return phase(c, x / 2, y / 2, x % 2, y % 2, n);
  }

  Expr gathered(Context &in, Stages &stages) const {
    const Var c("c"), x("x"), y("y"), n("n");
    const Line across = line(in, "x"), down = line(in, "y");
    RDom r(0, in["input"].extent.at("c"), 0, across.kernel, 0, down.kernel);  // i, kx, ky
    const Expr u = x + across.before - r[1] * across.dilation, v = y + down.before - r[2] * down.dilation;
    r.where(u % across.stride == 0);
    r.where(v % down.stride == 0);
    Func &sum = stages.add("sum");
    sum(c, x, y, n) = in.constant(0);
    sum(c, x, y, n) += in["weight"](r[1], r[2], c, r[0]) * in["input"](r[0], u / across.stride, v / down.stride, n);
    return sum(c, x, y, n);
  }

  // The same as its definition says it. Its adjoint is a strided convolution of the output's gradient: a gather.
  Expr scattered(Context &in, Stages &stages) const {
    const Var c("c"), x("x"), y("y"), n("n");
    const Line across = line(in, "x"), down = line(in, "y");
    const RDom r(0, in["input"].extent.at("c"), 0, across.kernel, 0, down.kernel, 0, across.input, 0, down.input);
    Func &whole = stages.add("whole");
    whole(c, x, y, n) = in.constant(0);
    whole(c, r[3] * across.stride + r[1] * across.dilation, r[4] * down.stride + r[2] * down.dilation, n) +=
        in["weight"](r[1], r[2], c, r[0]) * in["input"](r[0], r[3], r[4], n);
    return whole(c, x + across.before, y + down.before, n);
  }
};

SLUICE_REGISTER_LAYER(ConvTranspose2d, conv_transpose2d)
