// SPDX-License-Identifier: Apache-2.0
// Guided depthwise convolution (1x1, across channels): a matrix of its own for every sample, with norm and activation.
// Source: Tang et al., Learning Guided Convolutional Network for Depth Completion (arXiv 1908.01238), section 3.2;
// kakaxi314/GuideNet: models.py (the batched product of Guide); itsikad/guided-convolution: guided_conv/guided_conv.py
// (GuidedDepthWiseConv2d), whose documented kernels [n ci co] are reread in memory order as [n co ci].
//
//   output(o, x, y, n) = activation(norm(bias(o) + sum over i of kernels(o, i, n) * input(i, x, y, n)))
#include "guided.h"

using namespace Halide;
using sluice::Context;
using sluice::Operand;
using sluice::Port;
using sluice::Stages;

struct GuidedDepthwiseConv2d : sluice::PackedVectors<GuidedDepthwiseConv2d> {
  static constexpr const char *kName = "guided_depthwise_conv2d", *kPacked = "packed_norm";
  static constexpr const char *kSummary =
      "output = activation(norm(kernels of the sample * input + bias)), kernels [n co ci], or documented: [n ci co] "
      "whose memory is reread so";
  static std::vector<std::string> packed_names() { return {"norm_scale", "offset"}; }

  std::vector<Port> inputs() const {
    return {sluice::tensor("input").padded(), sluice::port("kernels", {{"o", ""}, {"i", ""}, {"n", ""}})};
  }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<Port> parameters() const {
    return sluice::joined(sluice::guided_bias(kChannels), sluice::batch_norm_parameters(kChannels));
  }
  std::vector<Port> state() const { return sluice::batch_norm_state(kChannels); }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    const std::vector<sluice::Attribute> own = {
        {"kernel", Kind::note, "1", {}, {}, {"1"}},
        {"kernels_layout", Kind::variant, "co_ci", {}, {}, {"co_ci+documented"}},
        {"bias", Kind::shape, "false", {}, {}, {}}};
    return sluice::joined(sluice::joined(own, sluice::activation_attributes({"none+relu+leaky_relu"})),
                          sluice::batch_norm_attributes());
  }

  // The definition sees one scale and one offset a channel.
  void derive(Context &in, Stages &stages) const {
    sluice::derive_batch_norm(in, stages);
    Operand offset = in["bias"];
    offset.func = stages.add("offset");
    offset.func(c) = sluice::element_of(in["bias"], c) * in["norm_scale"](c) + in["norm_shift"](c);
    offset.extent["o"] = max(in["bias"].extent.at("o"), in["norm_weight"].extent.at("o"));
    in.add("offset", offset);
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    if (port == kPacked) return packed_extents(in);
    const auto &input = in["input"].extent;
    return {channels(in), input.at("x"), input.at("y"), input.at("n")};
  }

  Stages define(Context &in) const {
    Stages stages;
    const Operand &input = in["input"];
    define_weight(in, stages);
    const RDom r(0, input.extent.at("c"));
    Func &sum = stages.add("sum");
    sum(c, x, y, n) = in.constant(0);
    if (in.backward) {
      sum(c, x, y, n) += stages["weight"](c, r, n) * input(r, x, y, n);
    } else {
      sum(c, x, y, n) += panels(in, stages)(c % (2 * in.lanes), r, c / (2 * in.lanes), n) * input(r, x, y, n);
    }
    const Func scale = sluice::channel_values(in, stages, "norm_scale", "scale"),
               shift = sluice::channel_values(in, stages, "offset", "shift");
    stages.add("feature")(c, x, y, n) = sum(c, x, y, n) * scale(c) + shift(c);
    stages.add("output")(c, x, y, n) = sluice::activate("none+relu+leaky_relu", stages["feature"](c, x, y, n), in);
    return stages;
  }

 private:
  static constexpr const char *kChannels = "kernels.o*kernels.i/input.c";
  const Var c{"c"}, x{"x"}, y{"y"}, n{"n"}, i{"i"}, lane{"lane"}, panel{"panel"};

  static Expr documented(const Context &in) { return in.scalar("kernels_layout_kind") == 1; }
  static Expr channels(const Context &in) {
    return select(documented(in), in["kernels"].extent.at("i"), in["kernels"].extent.at("o"));
  }

  // The place of (o, i) in the given tensor is read from tables: autodiff then keeps to it.
  void define_weight(const Context &in, Stages &stages) const {
    const Operand &kernels = in["kernels"];
    const Expr co = channels(in), ci = in["input"].extent.at("c"), place = c * ci + i;
    Func &first = stages.add("first"), &second = stages.add("second");
    first(c, i) = select(documented(in), clamp(place / co, 0, ci - 1), c);
    second(c, i) = select(documented(in), place % co, i);
    stages.add("weight")(c, i, n) = kernels(unsafe_promise_clamped(first(c, i), 0, kernels.extent.at("o") - 1),
                                            unsafe_promise_clamped(second(c, i), 0, kernels.extent.at("i") - 1), n);
  }

  // Panels of two vectors of output channels.
  Func panels(const Context &in, Stages &stages) const {
    const Expr last = channels(in) - 1, to = panel * 2 * in.lanes + lane;
    Func &packed = stages.add("panels");
    packed(lane, i, panel, n) = select(to <= last, stages["weight"](min(to, last), i, n), in.constant(0));
    return packed;
  }
};

SLUICE_REGISTER_LAYER(GuidedDepthwiseConv2d, guided_depthwise_conv2d)
