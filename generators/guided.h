// SPDX-License-Identifier: Apache-2.0
// What the convolutions share whose kernels are tensors: attributes, bias, softmax over the taps.
// Source: itsikad/guided-convolution: guided_conv/guided_conv.py (layouts); De Brabandere et al., Dynamic Filter
// Networks (arXiv 1605.09673), section 3. Taps are row-major over the kernel: k = ky*kw + kx.
#pragma once
#include "convolution.h"
#include "packed_vectors.h"

namespace sluice {

// Kernels have the size of the output; no bias unless the node says so.
inline std::vector<Attribute> guided_attributes(const Attribute &softmax, const Attribute &groups) {
  auto all = window_attributes();
  for (Attribute &one : all) {
    if (one.name == "kernel") one.kind = Attribute::Kind::integer;
    if (one.name == "bias") one.fallback = "false";
  }
  return joined(all, {softmax, groups});
}
inline Attribute softmax_variants() { return {"softmax", Attribute::Kind::variant, "none", {}, {}, {"none", "taps"}}; }
inline Attribute ungrouped() { return {"groups", Attribute::Kind::note, "1", {}, {}, {"1"}}; }

inline Halide::Expr taps(const Context &in) { return in.scalar("kernel_w") * in.scalar("kernel_h"); }

// Stages "tap_max", "unnormalised" and "tap_sum" (behind a prefix) of kernels(at..., k, n): the softmax over k is
// unnormalised over tap_sum. The largest is recomputed before backward: it carries no gradient, and Halide can't
// differentiate a running maximum.
inline void define_tap_softmax(const Context &in, Stages &stages, const Halide::Func &kernels,
                               const std::vector<Halide::Var> &at, const std::string &prefix = "") {
  using namespace Halide;
  const Var k("k"), n("n");
  std::vector<Var> pixel = at, all = at;
  pixel.push_back(n);
  all.push_back(k);
  all.push_back(n);
  const std::vector<Expr> here(pixel.begin(), pixel.end()), every(all.begin(), all.end());
  Func &largest = stages.add(prefix + "tap_max"), &unnormalised = stages.add(prefix + "unnormalised"),
       &total = stages.add(prefix + "tap_sum");
  const RDom r(0, taps(in));
  std::vector<Expr> reduced(at.begin(), at.end());
  reduced.push_back(r);
  reduced.push_back(n);
  if (in.has("saved_tap_max")) {
    largest(pixel) = in["saved_tap_max"].func(here);
  } else {
    largest(pixel) = in.element.min();
    largest(pixel) = max(largest(here), kernels(reduced));
  }
  unnormalised(all) = exp(kernels(every) - largest(here));
  total(pixel) = in.constant(0);
  total(pixel) += unnormalised(reduced);
}

inline std::vector<Port> guided_bias(const std::string &channels) {
  return {port("bias", {{"o", channels}}).only_when("bias=true")};
}

// Stage `name`: a parameter by channel, also where it was left out.
inline Halide::Func channel_values(const Context &in, Stages &stages, const std::string &parameter,
                                   const std::string &name) {
  const Halide::Var c("c");
  Halide::Func &values = stages.add(name);
  values(c) = element_of(in[parameter], c);
  return values;
}

// kernels(c, x, y, ...), zero beyond the channels and the pixels they are for; forward reads whole vectors.
inline Halide::Func whole_vectors(const Context &in, const Halide::Func &kernels, const Halide::Expr &channels,
                                  const std::vector<Halide::Expr> &size) {
  if (in.backward) return kernels;
  Halide::Region region(static_cast<size_t>(kernels.dimensions()), Halide::Range(Halide::Expr(), Halide::Expr()));
  region[0] = {0, channels};
  region[1] = {0, size[1]};
  region[2] = {0, size[2]};
  return Halide::BoundaryConditions::constant_exterior(kernels, in.constant(0), region);
}

}  // namespace sluice
