// SPDX-License-Identifier: Apache-2.0
// Mean over a window. Zeros of the padding count: at a border too the sum is divided by the window's size (PyTorch's
// count_include_pad). divisor_override: what it is divided by instead, 1 for the sum itself (PyTorch); 0: the window's
// size.
#include "convolution.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct AvgPool2d : sluice::LayerDefaults {
  static constexpr const char *kName = "avg_pool2d";
  static constexpr const char *kSummary = "output = mean of a kernel_h x kernel_w window of the zero-padded input";

  std::vector<Port> inputs() const { return {sluice::tensor("input").padded()}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"kernel", Kind::integer, "", {"kernel_h", "kernel_w"}, {}, {}},
            {"stride", Kind::integer, "", {"stride_h", "stride_w"}, {}, {}},
            {"dilation", Kind::integer, "1", {"dilation_h", "dilation_w"}, {}, {}},
            {"padding",
             Kind::integer,
             "0",
             {"padding_top", "padding_bottom", "padding_left", "padding_right"},
             {{"same", "padding_same"}},
             {}},
            {"divisor_override", Kind::integer, "0", {}, {}, {}},
            {"count_include_pad", Kind::note, "true", {}, {}, {"true"}}};
  }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    return reader(in).extents(in, in["input"].extent.at("c"));
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const Expr kw = in.scalar("kernel_w"), kh = in.scalar("kernel_h");
    const RDom r(0, kw, 0, kh);  // kx, ky
    sluice::ConvolutionInput input = reader(in);
    input.define(in, stages);
    Func &sum = stages.add("sum");
    sum(c, x, y, n) = in.constant(0);
    sum(c, x, y, n) += input(c, r[0], r[1], x, y, n);
    const Expr given = in.scalar("divisor_override"), divisor = select(given == 0, kw * kh, given);
    stages.add("output")(c, x, y, n) = sum(c, x, y, n) * (in.constant(1) / cast(in.element, divisor));
    return stages;
  }

 private:
  static sluice::ConvolutionInput reader(const Context &in) {
    return {in, "strided", in.scalar("kernel_w"), in.scalar("kernel_h")};
  }
};

SLUICE_REGISTER_LAYER(AvgPool2d, avg_pool2d)
