// SPDX-License-Identifier: Apache-2.0
// Guided convolution: a convolution with a kernel of its own for every sample.
// Source: itsikad/guided-convolution: guided_conv/guided_conv.py (GuidedConv2d); De Brabandere et al., Dynamic Filter
// Networks (arXiv 1605.09673), section 3 (dynamic convolution).
//
//   output(o, x, y, n) = bias(o) + sum over i, kx, ky of kernels(i, o, ky*kw + kx, n) * padded(i, x*s + kx*d, y*s +
//   ky*d, n)
#include "guided.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct GuidedConv2d : sluice::PackedVectors<GuidedConv2d> {
  static constexpr const char *kName = "guided_conv2d", *kPacked = "packed_bias";
  static constexpr const char *kSummary =
      "output = conv(input, kernels of the sample) + bias, kernels [n ci k co] (softmax over k); with groups co is "
      "that of one group";
  GeneratorParam<std::string> reading{"reading", "plain"};
  static std::vector<std::string> packed_names() { return {"bias"}; }

  std::vector<Port> inputs() const {
    return {sluice::tensor("input").padded(), sluice::port("kernels", {{"i", ""}, {"o", ""}, {"k", ""}, {"n", ""}})};
  }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<Port> parameters() const { return sluice::guided_bias("kernels.o*groups"); }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    auto all = sluice::guided_attributes({"softmax", Kind::variant, "none", {}, {}, {"none+taps"}},
                                         {"groups", Kind::groups, "1", {}, {}, {}});
    all.push_back({"reading",
                   Kind::derived,
                   "plain: stride=1 padding_mode=zeros; strided: padding_mode=zeros; gathered:",
                   {},
                   {},
                   {"plain", "strided", "gathered"}});
    return all;
  }
  std::map<std::string, std::string> variants() const { return {{"reading", reading.value()}}; }
  std::vector<Port> saved() const { return {sluice::port("tap_max", {{"i", ""}, {"o", ""}, {"n", ""}})}; }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    if (port == kPacked) return packed_extents(in);
    const auto &kernels = in["kernels"].extent;
    if (port == "tap_max") return {in["input"].extent.at("c"), kernels.at("o"), kernels.at("n")};
    return reader(in).extents(in, kernels.at("o"));
  }

  Stages define(Context &in) const {
    Stages stages;
    sluice::ConvolutionInput input = reader(in);
    input.define(in, stages);
    define_weight(in, stages);
    const RDom r(0, in["input"].extent.at("c"), 0, in.scalar("kernel_w"), 0, in.scalar("kernel_h"));
    const Expr k = r[2] * in.scalar("kernel_w") + r[1];
    Func &sum = stages.add("sum");
    sum(c, x, y, n) = in.constant(0);
    sum(c, x, y, n) += panels(in, stages)(r[0], c, k) * input(r[0], r[1], r[2], x, y, n);
    stages.add("output")(c, x, y, n) = sum(c, x, y, n) + sluice::channel_values(in, stages, "bias", "offset")(c);
    return stages;
  }

 private:
  const Var c{"c"}, x{"x"}, y{"y"}, n{"n"}, i{"i"}, o{"o"}, k{"k"}, lane{"lane"}, panel{"panel"};

  sluice::ConvolutionInput reader(const Context &in) const {
    return {in, reading, in.scalar("kernel_w"), in.scalar("kernel_h"), false};
  }

  void define_weight(const Context &in, Stages &stages) const {
    const Func kernels = in["kernels"].func;
    sluice::define_tap_softmax(in, stages, kernels, {i, o});
    const Expr share = stages["unnormalised"](i, o, k, n) / stages["tap_sum"](i, o, n);
    stages.add("weight")(i, o, k, n) = select(in.scalar("softmax_kind") == 0, kernels(i, o, k, n), share);
  }

  // The weight as (i, o, k) of sample n. Forward reads panels of two vectors of output channels from a stage.
  std::function<Expr(Expr, Expr, Expr)> panels(const Context &in, Stages &stages) const {
    const Func weight = stages["weight"];
    if (in.backward) {
      return [=, this](const Expr &from, const Expr &to, const Expr &tap) { return weight(from, to, tap, n); };
    }
    const int wide = 2 * in.lanes;
    const Expr last = in["kernels"].extent.at("o") - 1, to = panel * wide + lane;
    const Func packed = stages.add("panels");
    stages["panels"](lane, i, k, panel, n) = select(to <= last, weight(i, min(to, last), k, n), in.constant(0));
    return [=, this](const Expr &from, const Expr &channel, const Expr &tap) {
      return packed(channel % wide, from, tap, channel / wide, n);
    };
  }
};

SLUICE_REGISTER_LAYER(GuidedConv2d, guided_conv2d)
