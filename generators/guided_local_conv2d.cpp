// SPDX-License-Identifier: Apache-2.0
// Guided local convolution: every pixel has a whole kernel of its own, from every input to every output channel.
// Source: itsikad/guided-convolution: guided_conv/guided_conv.py (GuidedLocalConv2d); De Brabandere et al., Dynamic
// Filter Networks (arXiv 1605.09673), section 3 (dynamic local filtering).
//
//   output(o, x, y) = bias(o) + sum over i, kx, ky of kernels(i, x, y, o, ky*kw + kx) * padded(i, x*s + kx*d, y*s +
//   ky*d)
#include "guided.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct GuidedLocalConv2d : sluice::PackedVectors<GuidedLocalConv2d> {
  static constexpr const char *kName = "guided_local_conv2d", *kPacked = "packed_bias";
  static constexpr const char *kSummary =
      "output = sum over inputs and taps of kernels * input + bias, kernels [n ci k co h w] (softmax over k) of the "
      "output's size";
  GeneratorParam<std::string> softmax{"softmax", "none"};
  static std::vector<std::string> packed_names() { return {"bias"}; }

  std::vector<Port> inputs() const {
    return {sluice::tensor("input").padded_channels(),
            sluice::port("kernels", {{"i", ""}, {"x", ""}, {"y", ""}, {"o", ""}, {"k", ""}, {"n", ""}})};
  }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<Port> parameters() const { return sluice::guided_bias("kernels.o"); }
  std::vector<sluice::Attribute> attributes() const {
    return sluice::guided_attributes(sluice::softmax_variants(), sluice::ungrouped());
  }
  std::map<std::string, std::string> variants() const { return {{"softmax", softmax.value()}}; }
  std::vector<Port> saved() const {
    if (softmax.value() == "none") return {};
    return {sluice::port("tap_max", {{"i", ""}, {"x", ""}, {"y", ""}, {"o", ""}, {"n", ""}})};
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    if (port == kPacked) return packed_extents(in);
    const std::vector<Expr> size = reader(in).extents(in, in["kernels"].extent.at("o"));
    if (port == "tap_max") return {in["input"].extent.at("c"), size[1], size[2], size[0], size[3]};
    return size;
  }

  // Forward has the sum twice: "few_..." for vectors along a row, where input channels are few, and for vectors of
  // them.
  Stages define(Context &in) const {
    Stages stages;
    sluice::ConvolutionInput input = reader(in);
    input.define(in, stages);
    const Func offset = sluice::channel_values(in, stages, "bias", "offset");
    const Expr by_rows = summed_by_rows(in, stages, input) + offset(c);
    if (in.backward || softmax.value() == "taps") {
      stages.add("output")(c, x, y, n) = by_rows;
      return stages;
    }
    const Expr many = in["input"].extent.at("c") >= in.lanes;
    stages.add("many")() = many;
    stages.add("output")(c, x, y, n) = select(many, summed_by_channels(in, stages, input) + offset(c), by_rows);
    return stages;
  }

 private:
  const Var c{"c"}, x{"x"}, y{"y"}, n{"n"}, i{"i"}, lane{"lane"};

  sluice::ConvolutionInput reader(const Context &in) const {
    return {in, "gathered", in.scalar("kernel_w"), in.scalar("kernel_h"), false};
  }
  Func kernels(const Context &in) const {
    return sluice::whole_vectors(in, in["kernels"].func, in["input"].extent.at("c"), reader(in).extents(in, 1));
  }
  static Expr tap(const Context &in, const Expr &kx, const Expr &ky) { return ky * in.scalar("kernel_w") + kx; }

  Expr summed_by_rows(const Context &in, Stages &stages, const sluice::ConvolutionInput &input) const {
    const RDom r(0, in["input"].extent.at("c"), 0, in.scalar("kernel_w"), 0, in.scalar("kernel_h"));
    const Expr k = tap(in, r[1], r[2]);
    Expr weight = kernels(in)(r[0], x, y, c, k, n);
    if (softmax.value() == "taps") {
      sluice::define_tap_softmax(in, stages, kernels(in), {i, x, y, c});
      weight = stages["unnormalised"](r[0], x, y, c, k, n) / stages["tap_sum"](r[0], x, y, c, n);
    }
    Func &sum = stages.add("sum");
    sum(c, x, y, n) = in.constant(0);
    sum(c, x, y, n) += weight * input(r[0], r[1], r[2], x, y, n);
    return sum(c, x, y, n);
  }

  Expr summed_by_channels(const Context &in, Stages &stages, const sluice::ConvolutionInput &input) const {
    const Expr vectors = (in["input"].extent.at("c") + in.lanes - 1) / in.lanes;
    const RDom r(0, vectors, 0, in.scalar("kernel_w"), 0, in.scalar("kernel_h")), lanes(0, in.lanes);
    const Expr from = r[0] * in.lanes + lane;
    Func &partial = stages.add("partial"), &total = stages.add("total");
    partial(lane, c, x, y, n) = in.constant(0);
    partial(lane, c, x, y, n) += kernels(in)(from, x, y, c, tap(in, r[1], r[2]), n) * input(from, r[1], r[2], x, y, n);
    total(c, x, y, n) = in.constant(0);
    total(c, x, y, n) += partial(lanes, c, x, y, n);
    return total(c, x, y, n);
  }
};

SLUICE_REGISTER_LAYER(GuidedLocalConv2d, guided_local_conv2d)
