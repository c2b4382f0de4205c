// SPDX-License-Identifier: Apache-2.0
// What the 2-D convolution layers share: attributes, padding arithmetic, and the sum itself with unit stride.
//
// sum(o, x, y) = bias(o) + sum over i, kx, ky of weight(kx, ky, i, o) * padded(i, s*x + kx*d, s*y + ky*d), where padded
// is the input after nearest upsampling by u, shifted by the padding before, zero outside.
//
// Stride. Autodiff turns a strided read into a scatter, so for s > 1 the taps are a stage of their own,
// tap(i, kx, x, ky, y) = padded(i, s*x + kx*d, s*y + ky*d): the big sum has unit stride, its adjoint is a gather, and
// only the cheap placement of the taps' adjoints scatters. Forward inlines the stage.
#pragma once
#include "activation_functions.h"
#include "layer_generators.h"

namespace sluice {

inline Port convolution_weight(const std::string &name) {
  return port(name, {{"kx", "kernel_w"}, {"ky", "kernel_h"}, {"i", "input.c"}, {"o", "channels"}});
}
inline Port convolution_bias(const std::string &name) { return port(name, {{"o", "channels"}}).only_when("bias"); }

inline std::vector<Attribute> convolution_attributes(const std::vector<std::string> &activations) {
  using Kind = Attribute::Kind;
  return {{"kernel", Kind::shape, "", {"kernel_h", "kernel_w"}, {}, {}},
          {"channels", Kind::shape, "", {}, {}, {}},
          {"bias", Kind::shape, "true", {}, {}, {}},
          {"stride", Kind::variant, "1", {}, {}, {"1", "2"}},
          {"upsample", Kind::variant, "1", {}, {}, {"1", "2"}},
          {"activation", Kind::variant, "none", {}, {}, activations},
          {"groups", Kind::variant, "1", {}, {}, {"1"}},
          {"padding_mode", Kind::variant, "zeros", {}, {}, {"zeros"}},
          {"norm", Kind::variant, "none", {}, {}, {"none"}},
          {"spectral_norm", Kind::variant, "none", {}, {}, {"none"}},
          {"dilation", Kind::integer, "1", {"dilation_h", "dilation_w"}, {}, {}},
          {"padding",
           Kind::integer,
           "0",
           {"padding_top", "padding_bottom", "padding_left", "padding_right"},
           {{"same", "padding_same"}},
           {}},
          {"padding_rule", Kind::note, "explicit", {}, {}, {"explicit", "same"}},
          {"negative_slope", Kind::real, "0.2", {}, {}, {}}};
}

// Arithmetic along one spatial axis: padding before, and extent of the output.
struct ConvolutionAxis {
  Halide::Expr before, extent;
};

// `same` is TensorFlow's rule: out = ceil(in / s), the odd zero goes after.
inline ConvolutionAxis convolution_axis(const Context &in, const Halide::Expr &input, const Halide::Expr &kernel,
                                        int stride, int upsample, const std::string &axis) {
  using Halide::Expr;
  const bool vertical = axis == "h";
  const Expr size = input * upsample, dilation = in.scalar("dilation_" + axis);
  const Expr explicit_before = in.scalar(vertical ? "padding_top" : "padding_left");
  const Expr explicit_after = in.scalar(vertical ? "padding_bottom" : "padding_right");
  const Expr reach = (kernel - 1) * dilation + 1;
  const Expr same_extent = (size + stride - 1) / stride;
  const Expr same_total = Halide::max((same_extent - 1) * stride + reach - size, 0);
  const Expr same = in.scalar("padding_same") != 0;
  return {Halide::select(same, same_total / 2, explicit_before),
          Halide::select(same, same_extent, (size + explicit_before + explicit_after - reach) / stride + 1)};
}

inline std::vector<Halide::Expr> convolution_extents(const Context &in, const Halide::Expr &channels,
                                                     const Halide::Expr &kernel_w, const Halide::Expr &kernel_h,
                                                     int stride, int upsample) {
  const auto &input = in["input"].extent;
  return {channels, convolution_axis(in, input.at("x"), kernel_w, stride, upsample, "w").extent,
          convolution_axis(in, input.at("y"), kernel_h, stride, upsample, "h").extent, input.at("n")};
}

// The input that tap (i, kx, ky) of output pixel (x, y) reads, as stages "source", "padded" and, for s > 1, "tap".
class ConvolutionInput {
 public:
  ConvolutionInput(const Context &in, Stages &stages, const Halide::Expr &kernel_w, const Halide::Expr &kernel_h,
                   int stride, int upsample)
      : stride_(stride), dilation_w_(in.scalar("dilation_w")), dilation_h_(in.scalar("dilation_h")) {
    using Halide::Var;
    const Var i("i"), x("x"), y("y"), n("n"), kx("kx"), ky("ky");
    const Operand &input = in["input"];
    const ConvolutionAxis across = convolution_axis(in, input.extent.at("x"), kernel_w, stride, upsample, "w");
    const ConvolutionAxis down = convolution_axis(in, input.extent.at("y"), kernel_h, stride, upsample, "h");
    Halide::Func &source = stages.add("source"), &padded = stages.add("padded");
    source(i, x, y, n) = upsample == 1 ? input(i, x, y, n) : input(i, x / upsample, y / upsample, n);
    padded(i, x, y, n) = source(i, x - across.before, y - down.before, n);
    read_ = padded;
    if (stride == 1) return;
    read_ = stages.add("tap");
    read_(i, kx, x, ky, y, n) = padded(i, x * stride + kx * dilation_w_, y * stride + ky * dilation_h_, n);
  }

  // r runs over (i, kx, ky).
  Halide::Expr operator()(const Halide::RDom &r, const Halide::Expr &x, const Halide::Expr &y,
                          const Halide::Expr &n) const {
    if (stride_ != 1) return read_(r[0], r[1], x, r[2], y, n);
    return read_(r[0], x + r[1] * dilation_w_, y + r[2] * dilation_h_, n);
  }

 private:
  int stride_;
  Halide::Expr dilation_w_, dilation_h_;
  Halide::Func read_;
};

}  // namespace sluice
