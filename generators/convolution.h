// SPDX-License-Identifier: Apache-2.0
// What the 2-D convolution layers share: attributes, padding arithmetic, and the input as a tap reads it.
//
// sum(o, x, y) = sum over i, kx, ky of weight(kx, ky, i, o) * padded(i, s*x + kx*d, s*y + ky*d), where padded is the
// input after nearest upsampling by u (any real factor), with its border: zeros, reflected, or replicated.
//
// Reading. `plain`: stride 1, no upsampling, zeros; `strided`: any stride; `doubled`: upsampling by 2; `gathered`: the
// rest, through tables of source columns and rows. Autodiff turns a strided or gathered read into a scatter; so that
// only the cheap placement of the taps' adjoints scatters, backward has the taps as a stage of their own, tap(i, kx, x,
// ky, y, n): the big sum has unit stride, its adjoint is a gather. The taps are read through tables: with a run-time
// stride and dilation in the index itself the derived gradient is wrong where taps collide.
#pragma once
#include "activation_functions.h"
#include "nearest.h"
#include "normalisation.h"

namespace sluice {

inline Port convolution_weight(const std::string &name) {
  return port(name, {{"kx", "kernel_w"}, {"ky", "kernel_h"}, {"i", "input.c/groups"}, {"o", "channels"}})
      .called(name + "_orig", kSpectral);
}
inline Port convolution_bias(const std::string &name) { return port(name, {{"o", "channels"}}).only_when("bias=true"); }

// Where the taps are: kernel, stride, dilation, padding.
inline std::vector<Attribute> window_attributes() {
  using Kind = Attribute::Kind;
  return {{"kernel", Kind::shape, "", {"kernel_h", "kernel_w"}, {}, {}},
          {"stride", Kind::integer, "1", {"stride_h", "stride_w"}, {}, {}},
          {"dilation", Kind::integer, "1", {"dilation_h", "dilation_w"}, {}, {}},
          {"padding",
           Kind::integer,
           "0",
           {"padding_top", "padding_bottom", "padding_left", "padding_right"},
           {{"same", "padding_same"}},
           {}},
          {"padding_rule", Kind::note, "explicit", {}, {}, {"explicit", "same"}},
          {"padding_mode", Kind::variant, "zeros", {}, {}, {"zeros+reflect+replicate"}},
          {"bias", Kind::shape, "true", {}, {}, {}}};
}
inline std::vector<Attribute> joined(std::vector<Attribute> first, const std::vector<Attribute> &second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}
inline std::vector<Attribute> activation_attributes(const std::vector<std::string> &families) {
  using Kind = Attribute::Kind;
  return {{"activation", Kind::variant, "none", {}, {}, families}, {"negative_slope", Kind::real, "0.2", {}, {}, {}}};
}
inline std::vector<Attribute> convolution_attributes(const std::vector<std::string> &families) {
  using Kind = Attribute::Kind;
  const std::vector<Attribute> own = {
      {"channels", Kind::shape, "", {}, {}, {}},
      {"groups", Kind::groups, "1", {}, {}, {}},
      {"upsample", Kind::real, "1", {}, {}, {}},
      {"reading",
       Kind::derived,
       "plain: stride=1 upsample=1 padding_mode=zeros; strided: upsample=1 padding_mode=zeros; "
       "doubled: stride=1 upsample=2 padding_mode=zeros; gathered:",
       {},
       {},
       {"plain", "strided", "doubled", "gathered"}}};
  return joined(joined(window_attributes(), activation_attributes(families)),
                joined(own, joined(spectral_norm_attributes(), batch_norm_attributes())));
}

// 3x3 sums of stride 1 or 2 over 16 input channels or more, and 5x5 sums of stride 1 over a few, without groups, take
// fewer multiplications (generators/winograd.h) unless the node says algorithm=direct. Their kernels are built for the
// CPU's forward direction only; `channels`: the fewest output channels they take. halved: fewer and some others have
// kernels of their own. `first`: other transforms, asked before.
inline std::vector<Attribute> transform_attributes(const std::string &weight, int channels, bool halved,
                                                   const std::string &first = "") {
  using Kind = Attribute::Kind;
  const std::string always = "algorithm=fastest padding_mode=zeros groups=1 ", in = weight + ".i", out = weight + ".o";
  const std::string enough = out + ">=" + std::to_string(channels) + "; ";
  const std::string three = always + "kernel=3 stride=1 upsample=1|2 " + in + ">=16 ";
  const std::string five = always + "kernel=5 stride=1 upsample=1 " + in + ">=4 " + in + "<=15 ";
  std::string rules = first;
  if (halved) {
    for (const std::string few : {out + ">=8 " + out + "<=15; ", out + ">=17 " + out + "<=24; "}) {
      rules += "winograd_halved: " + three + few;
      rules += "winograd_k5_halved: " + five + few;
    }
  }
  rules += "winograd: " + three + enough + "winograd_k5: " + five + enough;
  rules += "winograd_stride2: " + always + "kernel=3 stride=2 upsample=1 " + in + ">=16 " + enough + "none:";
  return {{"algorithm", Kind::note, "fastest", {}, {}, {"fastest", "direct"}},
          {"transform", Kind::derived, rules, {}, {}, {}}};
}

// Arithmetic along one spatial axis: padding before, extent of the enlarged input, extent of the output.
struct ConvolutionAxis {
  Halide::Expr before, size, extent;
};

// floor(input * upsample) as published programs compute it, in double.
inline Halide::Expr enlarged(const Context &in, const Halide::Expr &input) {
  using namespace Halide;
  return cast<int>(floor(cast<double>(input) * cast<double>(in.scalar("upsample"))));
}

// `same` is TensorFlow's rule: out = ceil(in / s), the odd zero goes after.
inline ConvolutionAxis convolution_axis(const Context &in, const Halide::Expr &size, const Halide::Expr &kernel,
                                        const Halide::Expr &stride, const std::string &axis) {
  using Halide::Expr;
  const bool vertical = axis == "h";
  const Expr dilation = in.scalar("dilation_" + axis);
  const Expr explicit_before = in.scalar(vertical ? "padding_top" : "padding_left");
  const Expr explicit_after = in.scalar(vertical ? "padding_bottom" : "padding_right");
  const Expr reach = (kernel - 1) * dilation + 1;
  const Expr same_extent = (size + stride - 1) / stride;
  const Expr same_total = Halide::max((same_extent - 1) * stride + reach - size, 0);
  const Expr same = in.scalar("padding_same") != 0;
  return {Halide::select(same, same_total / 2, explicit_before), size,
          Halide::select(same, same_extent, (size + explicit_before + explicit_after - reach) / stride + 1)};
}

// The panel of packed weights, `width` channels each, with output channel o. On a device threads go past the last
// channel: what they compute is not stored.
inline Halide::Expr panel_of(const Context &in, const Halide::Expr &o, int width, const Operand &packed) {
  const Halide::Expr panel = o / width;
  return in.device ? Halide::min(panel, packed.extent.at("panel") - 1) : panel;
}

// The input that tap (i, kx, ky) of output pixel (x, y) reads, as stages "source", "padded" and, for backward, "tap".
class ConvolutionInput {
 public:
  // reading: plain, strided or gathered. has_upsample: the layer has that attribute.
  ConvolutionInput(const Context &in, const std::string &reading, const Halide::Expr &kernel_w,
                   const Halide::Expr &kernel_h, bool has_upsample = true)
      : reading_(reading),
        gathered_(reading == "gathered"),
        stride_w_(moves(reading) ? in.scalar("stride_w") : Halide::Expr(1)),
        stride_h_(moves(reading) ? in.scalar("stride_h") : Halide::Expr(1)),
        dilation_w_(in.scalar("dilation_w")),
        dilation_h_(in.scalar("dilation_h")) {
    const auto &extent = in["input"].extent;
    const bool enlarge = (gathered_ && has_upsample) || reading_ == "doubled";
    across_ = convolution_axis(in, enlarge ? enlarged(in, extent.at("x")) : extent.at("x"), kernel_w, stride_w_, "w");
    down_ = convolution_axis(in, enlarge ? enlarged(in, extent.at("y")) : extent.at("y"), kernel_h, stride_h_, "h");
    scale_ = enlarge ? in.scalar("upsample") : in.constant(1);
  }

  const ConvolutionAxis &across() const { return across_; }
  const ConvolutionAxis &down() const { return down_; }
  std::vector<Halide::Expr> extents(const Context &in, const Halide::Expr &channels) const {
    return {channels, across_.extent, down_.extent, in["input"].extent.at("n")};
  }

  void define(const Context &in, Stages &stages) {
    const Halide::Var i("i"), x("x"), y("y"), n("n");
    const Operand &input = in["input"];
    if (in.backward && reading_ != "plain") return define_taps(in, stages);
    Halide::Func &padded = stages.add("padded");
    if (gathered_) {
      Halide::Func &column = stages.add("column"), &row = stages.add("row");
      column(x) = source(in, x - across_.before, across_, input.extent.at("x"));
      row(y) = source(in, y - down_.before, down_, input.extent.at("y"));
      const Halide::Expr outside = leaves(in, x - across_.before, across_) || leaves(in, y - down_.before, down_);
      padded(i, x, y, n) = Halide::select(outside, in.constant(0), Halide::likely(input(i, column(x), row(y), n)));
    } else {
      const Halide::Expr u = x - across_.before, v = y - down_.before;
      padded(i, x, y, n) = reading_ == "doubled" ? input(i, u / 2, v / 2, n) : input(i, u, v, n);
    }
    read_ = padded;
  }

  // i, kx, ky: expressions or reduction variables.
  Halide::Expr operator()(const Halide::Expr &i, const Halide::Expr &kx, const Halide::Expr &ky, const Halide::Expr &x,
                          const Halide::Expr &y, const Halide::Expr &n) const {
    if (tapped_) return read_(i, kx, x, ky, y, n);
    return read_(i, x * stride_w_ + kx * dilation_w_, y * stride_h_ + ky * dilation_h_, n);
  }

 private:
  std::string reading_;
  bool gathered_, tapped_ = false;
  Halide::Expr stride_w_, stride_h_, dilation_w_, dilation_h_, scale_;
  ConvolutionAxis across_, down_;
  Halide::Func read_;

  static bool moves(const std::string &reading) { return reading == "strided" || reading == "gathered"; }

  void define_taps(const Context &in, Stages &stages) {
    const Halide::Var i("i"), x("x"), y("y"), n("n"), kx("kx"), ky("ky");
    const Operand &input = in["input"];
    const Halide::Expr u = x * stride_w_ + kx * dilation_w_ - across_.before;
    const Halide::Expr v = y * stride_h_ + ky * dilation_h_ - down_.before;
    Halide::Func &column = stages.add("column"), &row = stages.add("row");
    column(x, kx) = source(in, u, across_, input.extent.at("x"));
    row(y, ky) = source(in, v, down_, input.extent.at("y"));
    read_ = stages.add("tap");
    read_(i, kx, x, ky, y, n) = Halide::select(leaves(in, u, across_) || leaves(in, v, down_), in.constant(0),
                                               input(i, column(x, kx), row(y, ky), n));
    tapped_ = true;
  }

  // Is position u of the enlarged input beyond its edge, and the border made of zeros?
  Halide::Expr leaves(const Context &in, const Halide::Expr &u, const ConvolutionAxis &axis) const {
    const Halide::Expr beyond = u < 0 || u >= axis.size;
    return gathered_ ? beyond && in.scalar("padding_mode_kind") == 0 : beyond;
  }

  // The column (or row) of the input that position u of the enlarged input shows, borders included.
  Halide::Expr source(const Context &in, const Halide::Expr &u, const ConvolutionAxis &axis,
                      const Halide::Expr &input) const {
    using namespace Halide;
    const Expr last = axis.size - 1;
    Expr inside = clamp(u, 0, max(last, 0));
    if (reading_ == "strided") return inside;
    if (gathered_) {
      const Expr reflected = select(u < 0, -u, select(last < u, 2 * last - u, u));
      inside = clamp(select(in.scalar("padding_mode_kind") == 1, reflected, u), 0, max(last, 0));
    }
    // As PyTorch: the index times the reciprocal, in float32.
    const Expr nearest = cast<int>(floor(cast<float>(inside) * cast<float>(Expr(1.0) / cast<double>(scale_))));
    return clamp(nearest, 0, max(input - 1, 0));
  }
};

}  // namespace sluice
