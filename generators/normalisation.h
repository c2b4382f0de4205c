// SPDX-License-Identifier: Apache-2.0
// Norms that are part of a layer's weights: batch norm with stored statistics, and spectral norm.
//
// Batch norm (Ioffe and Szegedy, arXiv 1502.03167): y -> y * scale + shift per output channel o, with
// scale = norm_weight / sqrt(running_var + norm_eps), shift = norm_bias - running_mean * scale.
// Spectral norm (Miyato et al., arXiv 1802.05957): weight = weight_orig / sigma, sigma = u . W v with W the weight as
// (o, i*kh*kw). In training u and v are those after one power step: v = n(W^T u), u = n(W v), n(x) = x / max(|x|,
// 1e-12) (torch/nn/utils/spectral_norm.py); they are constants of the gradient.
#pragma once
#include "layer_generators.h"

namespace sluice {

constexpr const char *kNormed = "norm!=none", *kSpectral = "spectral_norm!=none",
                     *kTorchForm = "spectral_norm!=none spectral_form=torch";
// "after": the run itself uses the vectors of before.
constexpr const char *kPowerStep =
    "spectral_norm=train spectral_form=torch; after spectral_norm=train spectral_form=tf";

inline std::vector<Attribute> batch_norm_attributes() {
  using Kind = Attribute::Kind;
  return {{"norm", Kind::variant, "none", {}, {}, {"none+batch_eval"}},
          {"norm_eps", Kind::real, "1e-5", {}, {}, {}},
          {"norm_momentum", Kind::note, "0.1", {}, {}, {}},
          {"norm_position", Kind::note, "", {}, {}, {}}};
}
inline std::vector<Port> batch_norm_parameters(const std::string &channels = "channels") {
  return {port("norm_weight", {{"o", channels}}).only_when(kNormed, 1).of_norm("weight"),
          port("norm_bias", {{"o", channels}}).only_when(kNormed).of_norm("bias")};
}
inline std::vector<Port> batch_norm_state(const std::string &channels = "channels") {
  return {port("running_mean", {{"o", channels}}).only_when(kNormed).of_norm("running_mean"),
          port("running_var", {{"o", channels}}).only_when(kNormed, 1).of_norm("running_var")};
}

// Adds operands norm_scale(o) and norm_shift(o); 1 and 0 where the node has no norm.
inline void derive_batch_norm(Context &in, Stages &stages) {
  const Halide::Var o("o");
  const Halide::Expr none = in.scalar("norm_kind") == 0;
  Operand scale, shift;
  scale.func = stages.add("norm_scale");
  shift.func = stages.add("norm_shift");
  const Halide::Expr normed = in["norm_weight"](o) / Halide::sqrt(in["running_var"](o) + in.scalar("norm_eps"));
  scale.func(o) = Halide::select(none, in.constant(1), normed);
  shift.func(o) = in["norm_bias"](o) - in["running_mean"](o) * scale.func(o);
  scale.extent = shift.extent = in["norm_weight"].extent;
  in.add("norm_scale", scale);
  in.add("norm_shift", shift);
}

// u and v of a weight (kx, ky, i, o).
inline std::vector<Port> spectral_norm_state(const std::string &weight) {
  return {port(weight + "_u", {{"o", "channels"}}).only_when(kSpectral),
          port(weight + "_v", {{"k", "kernel_w*kernel_h*input.c"}}).only_when(kTorchForm)};
}
inline std::vector<Attribute> spectral_norm_attributes() {
  using Kind = Attribute::Kind;
  return {{"spectral_norm", Kind::variant, "none", {}, {}, {"none+eval+train"}},
          {"spectral_form", Kind::variant, "torch", {}, {}, {"torch+tf"}}};
}

// W v, or W^T u, over a weight operand (kx, ky, i, o) with k = (i * kh + ky) * kw + kx.
struct SpectralSums {
  const Operand &weight;
  Halide::Expr kw, kh, ci, co;
  explicit SpectralSums(const Operand &w)
      : weight(w), kw(w.extent.at("kx")), kh(w.extent.at("ky")), ci(w.extent.at("i")), co(w.extent.at("o")) {}

  void times_v(Halide::Func &result, const Halide::Func &v, const Halide::Expr &zero) const {
    const Halide::Var o("o");
    const Halide::RDom r(0, kw, 0, kh, 0, ci);
    result(o) = zero;
    result(o) += weight(r[0], r[1], r[2], o) * v((r[2] * kh + r[1]) * kw + r[0]);
  }
};

// u . W v with the stored u and v.
inline Halide::Expr stored_sigma(const Context &in, Stages &stages, const std::string &weight) {
  const SpectralSums sums(in[weight]);
  Halide::Func &product = stages.add(weight + "_wv"), &sigma = stages.add(weight + "_sigma");
  sums.times_v(product, in[weight + "_v"].func, in.constant(0));
  const Halide::RDom r(0, sums.co);
  sigma() = in.constant(0);
  sigma() += in[weight + "_u"](r) * product(r);
  return sigma();
}

// u' . W v with v = n(W^T u), u' = n(W v). `used`: elsewhere the norms are 1, so that no gradient is a quotient of
// zeros.
inline Halide::Expr stepped_sigma(const Context &in, Stages &stages, const std::string &weight,
                                  const Halide::Expr &used) {
  using namespace Halide;
  const Var kx("kx"), ky("ky"), i("i"), o("o");
  const Operand &w = in[weight];
  const SpectralSums sums(w);
  Func &back = stages.add(weight + "_step_wtu"), &forth = stages.add(weight + "_step_wv");
  Func &back_square = stages.add(weight + "_step_wtu_square"), &square = stages.add(weight + "_step_wv_square");
  const RDom r(0, sums.co), k(0, sums.kw, 0, sums.kh, 0, sums.ci), t(0, sums.kw, 0, sums.kh, 0, sums.ci), q(0, sums.co);
  back(kx, ky, i) = in.constant(0);
  back(kx, ky, i) += w(kx, ky, i, r) * in[weight + "_u"](r);
  back_square() = in.constant(0);
  back_square() += back(k[0], k[1], k[2]) * back(k[0], k[1], k[2]);
  const Expr length = sqrt(select(used, back_square(), in.constant(1))) + in.constant(1e-12);
  forth(o) = in.constant(0);
  forth(o) += w(t[0], t[1], t[2], o) * back(t[0], t[1], t[2]) / length;
  square() = in.constant(0);
  square() += forth(q) * forth(q);
  const Expr whole = select(used, square(), in.constant(1));
  return whole / (sqrt(whole) + in.constant(1e-12));
}

// Adds operand `name`: the weight over its spectral norm, where the node has one.
inline void derive_spectral_norm(Context &in, Stages &stages, const std::string &weight, const std::string &name) {
  const Halide::Var kx("kx"), ky("ky"), i("i"), o("o");
  const Operand given = in[weight];
  const Halide::Expr none = in.scalar("spectral_norm_kind") == 0, is_tf = in.scalar("spectral_form_kind") == 1;
  const Halide::Expr stored = stored_sigma(in, stages, weight),
                     stepped = stepped_sigma(in, stages, weight, !none && is_tf);
  Operand normed;
  normed.func = stages.add(name);
  normed.func(kx, ky, i, o) =
      given(kx, ky, i, o) / Halide::select(none, in.constant(1), Halide::select(is_tf, stepped, stored));
  normed.extent = given.extent;
  in.add(name, normed);
}

// v / max(|v|, 1e-12) as stage `name` of a vector whose extent is `size`.
inline void add_unit_vector(Stages &stages, const Context &in, const std::string &name, const Halide::Func &v,
                            const Halide::Expr &size) {
  const Halide::Var k("k");
  const Halide::RDom r(0, size);
  Halide::Func &square = stages.add(name + "_square"), &unit = stages.add(name);
  square() = in.constant(0);
  square() += v(r) * v(r);
  unit(k) = v(k) / Halide::max(Halide::sqrt(square()), in.constant(1e-12));
}

// Stages new_<weight>_u and new_<weight>_v after one power step.
inline void add_power_step(Stages &stages, const Context &in, const std::string &weight) {
  const Halide::Var k("k");
  const SpectralSums sums(in[weight]);
  const Halide::Expr size = sums.kw * sums.kh * sums.ci;
  Halide::Func &back = stages.add(weight + "_wtu"), &forth = stages.add(weight + "_wv");
  const Halide::RDom r(0, sums.co);
  back(k) = in.constant(0);
  back(k) += in[weight](k % sums.kw, (k / sums.kw) % sums.kh, k / (sums.kw * sums.kh), r) * in[weight + "_u"](r);
  add_unit_vector(stages, in, "new_" + weight + "_v", back, size);
  sums.times_v(forth, stages["new_" + weight + "_v"], in.constant(0));
  add_unit_vector(stages, in, "new_" + weight + "_u", forth, sums.co);
}

}  // namespace sluice
