// SPDX-License-Identifier: Apache-2.0
// Transposed convolution, the adjoint of a strided one: input pixel x adds weight(kx) to output pixel s*x + kx*d - p.
// Source: Dumoulin and Visin, A guide to convolution arithmetic (arXiv 1603.07285), section 4; shapes, order of the
// weight's axes and output_padding as in PyTorch (torch.nn.ConvTranspose2d).
//
// Output pixel X takes the taps kx for which X + p - kx*d is a multiple of s; no other product is formed. With stride 2
// (`phases=two`) these are every other tap, and which ones depends on the parity of X: for each of the four parities
// the output is an ordinary convolution with a part of the window.
#include "convolution.h"

using namespace Halide;
using sluice::Context;
using sluice::Operand;
using sluice::Port;
using sluice::Stages;

struct ConvTranspose2d : sluice::LayerDefaults {
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
        {"padding", Kind::integer, "0", {"padding_top", "padding_bottom", "padding_left", "padding_right"}, {}, {}},
        {"output_padding", Kind::integer, "0", {"output_padding_h", "output_padding_w"}, {}, {}},
        {"padding_rule", Kind::note, "explicit", {}, {}, {"explicit"}},
        {"padding_mode", Kind::note, "zeros", {}, {}, {"zeros"}},
        {"bias", Kind::shape, "true", {}, {}, {}},
        {"channels", Kind::shape, "", {}, {}, {}},
        {"groups", Kind::groups, "1", {}, {}, {}},
        {"phases", Kind::derived, "two: stride=2 dilation=1; any:", {}, {}, {"two", "any"}}};
    return sluice::joined(sluice::joined(own, sluice::activation_attributes({"none+relu+leaky_relu"})),
                          sluice::batch_norm_attributes());
  }
  std::map<std::string, std::string> variants() const {
    return {{"phases", phases.value()}, {"activation", activation.value()}};
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
    const Expr channel = (panel * 2 + half) * in.lanes + lane, last = in["weight"].extent.at("o") - 1;
    stages.add("packed_weight")(lane, half, i, kx, ky, panel) =
        select(channel <= last, in["weight"](kx, ky, min(channel, last), i), in.constant(0));
    stages.add("packed_bias")(o, row) = select(row == 0, in["norm_scale"](o), in["offset"](o));
    return stages;
  }
  void unpack(Context &in) const {
    const Var kx("kx"), ky("ky"), i("i"), o("o");
    Operand weight = in["packed_weight"];
    const Func packed = weight.func;
    weight.func = Func("weight");
    weight.func(kx, ky, o, i) = packed(o % in.lanes, (o / in.lanes) % 2, i, kx, ky, o / (2 * in.lanes));
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
      return {in.lanes,        2,
              weight.at("i"),  weight.at("kx"),
              weight.at("ky"), (weight.at("o") + 2 * in.lanes - 1) / (2 * in.lanes)};
    }
    if (port == "packed_bias") return {in["weight"].extent.at("o"), 2};
    const Line across = line(in, "x"), down = line(in, "y");
    const Expr right = in.scalar("padding_right") - in.scalar("output_padding_w"),
               bottom = in.scalar("padding_bottom") - in.scalar("output_padding_h");
    return {in["offset"].extent.at("o"), across.whole - across.before - right, down.whole - down.before - bottom,
            in["input"].extent.at("n")};
  }

  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    Expr sum;
    if (in.backward) {
      sum = scattered(in, stages);
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
    Expr stride, dilation, before, kernel, input, whole;
  };
  static Line line(const Context &in, const std::string &axis) {
    const std::string side = axis == "x" ? "w" : "h";
    Line made{in.scalar("stride_" + side),
              in.scalar("dilation_" + side),
              in.scalar(axis == "x" ? "padding_left" : "padding_top"),
              in["weight"].extent.at("k" + axis),
              in["input"].extent.at(axis),
              Expr()};
    made.whole = (made.input - 1) * made.stride + (made.kernel - 1) * made.dilation + 1;
    return made;
  }

  // Output pixels (2*u + p, 2*v + q): sum(c, u, v, p, q, n) over the taps b + 2*j with b = (p + before) % 2.
  static Expr by_parity(Context &in, Stages &stages) {
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

  static Expr gathered(Context &in, Stages &stages) {
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
  static Expr scattered(Context &in, Stages &stages) {
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
