// SPDX-License-Identifier: Apache-2.0
// Guided channelwise convolution: every pixel has its own taps for every channel (a depthwise convolution with kernels
// that are a tensor). With one channel, the dynamic local filtering of dynamic filter networks.
// Source: itsikad/guided-convolution: guided_conv/guided_conv.py (GuidedChannelWiseConv2d); kakaxi314/GuideNet:
// models.py (Conv2dLocal_F); De Brabandere et al. (arXiv 1605.09673), section 3.
//
//   output(c, x, y) = bias(c) + sum over kx, ky of kernels(c, x, y, ky*kw + kx) * padded(c, x*s + kx*d, y*s + ky*d)
#include "guided.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct GuidedChannelwiseConv2d : sluice::PackedVectors<GuidedChannelwiseConv2d> {
  static constexpr const char *kName = "guided_channelwise_conv2d", *kPacked = "packed_bias";
  static constexpr const char *kSummary =
      "output = sum over taps of kernels * input + bias, kernels [n c k h w] (softmax over k) of the output's size";
  GeneratorParam<std::string> reading{"reading", "plain"};
  GeneratorParam<std::string> softmax{"softmax", "none"};
  static std::vector<std::string> packed_names() { return {"bias"}; }

  std::vector<Port> inputs() const {
    return {sluice::tensor("input").padded_channels(),
            sluice::port("kernels", {{"c", ""}, {"x", ""}, {"y", ""}, {"k", ""}, {"n", ""}})};
  }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<Port> parameters() const { return sluice::guided_bias("input.c"); }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    auto all = sluice::guided_attributes(sluice::softmax_variants(), sluice::ungrouped());
    all.push_back(
        {"reading", Kind::derived, "plain: stride=1 padding_mode=zeros; gathered:", {}, {}, {"plain", "gathered"}});
    return all;
  }
  std::map<std::string, std::string> variants() const {
    return {{"reading", reading.value()}, {"softmax", softmax.value()}};
  }
  std::vector<Port> saved() const {
    if (softmax.value() == "none") return {};
    return {sluice::tensor("tap_max")};
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    if (port == kPacked) return packed_extents(in);
    return reader(in).extents(in, in["input"].extent.at("c"));
  }

  // Forward has the sum twice, for vectors of channels and for vectors along a row: "few_..." where channels are few.
  Stages define(Context &in) const {
    Stages stages;
    sluice::ConvolutionInput input = reader(in);
    input.define(in, stages);
    const Func offset = sluice::channel_values(in, stages, "bias", "offset");
    const Expr biased = filtered(in, stages, input, "") + offset(c);
    if (in.backward) {
      stages.add("output")(c, x, y, n) = biased;
      return stages;
    }
    const Expr many = in["input"].extent.at("c") >= in.lanes;
    stages.add("many")() = many;
    stages.add("output")(c, x, y, n) = select(many, biased, filtered(in, stages, input, "few_") + offset(c));
    return stages;
  }

 private:
  const Var c{"c"}, x{"x"}, y{"y"}, n{"n"};

  sluice::ConvolutionInput reader(const Context &in) const {
    return {in, reading, in.scalar("kernel_w"), in.scalar("kernel_h"), false};
  }

  Expr filtered(const Context &in, Stages &stages, const sluice::ConvolutionInput &input,
                const std::string &prefix) const {
    Func weight = sluice::whole_vectors(in, in["kernels"].func, in["input"].extent.at("c"), reader(in).extents(in, 1));
    const bool normalised = softmax.value() == "taps";
    if (normalised) {
      sluice::define_tap_softmax(in, stages, weight, {c, x, y}, prefix);
      weight = stages[prefix + "unnormalised"];
    }
    const RDom r(0, in.scalar("kernel_w"), 0, in.scalar("kernel_h"));
    Func &sum = stages.add(prefix + "sum");
    sum(c, x, y, n) = in.constant(0);
    sum(c, x, y, n) += weight(c, x, y, r.y * in.scalar("kernel_w") + r.x, n) * input(c, r.x, r.y, x, y, n);
    return normalised ? sum(c, x, y, n) / stages[prefix + "tap_sum"](c, x, y, n) : Expr(sum(c, x, y, n));
  }
};

SLUICE_REGISTER_LAYER(GuidedChannelwiseConv2d, guided_channelwise_conv2d)
