// SPDX-License-Identifier: Apache-2.0
// Compositing by a mask: where a network's picture enters a hole (JiahuiYu/generative_inpainting: inpaint_model.py,
// x1 * mask + known * (1 - mask)).
#include "layer_generators.h"
#include "tensor_extents.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct Blend : sluice::LayerDefaults {
  static constexpr const char *kName = "blend";
  static constexpr const char *kSummary = "output = on * mask + off * (1 - mask); mask has one channel";
  static constexpr bool kAnyRank = true;

  std::vector<Port> inputs() const { return {sluice::tensor("on"), sluice::tensor("off"), sluice::tensor("mask")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const { return {}; }
  std::vector<Expr> extents(const Context &in, const std::string &) const { return sluice::tensor_extents(in["on"]); }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const Expr mask = in["mask"](0, x, y, n);
    stages.add("output")(c, x, y, n) =
        in["on"](c, x, y, n) * mask + in["off"](c, x, y, n) * (Internal::make_one(mask.type()) - mask);
    return stages;
  }
};

SLUICE_REGISTER_LAYER(Blend, blend)
