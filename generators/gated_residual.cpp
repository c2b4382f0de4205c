// SPDX-License-Identifier: Apache-2.0
// The end of a gated residual block: the branch scaled and shifted, and joined with the shortcut (Interactive Sketch &
// Fill, arXiv 1909.11081; arnabgho/iSketchNFill: models/common_net.py, residual_op).
#include "broadcast.h"
#include "layer_generators.h"
#include "tensor_extents.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct GatedResidual : sluice::LayerDefaults {
  static constexpr const char *kName = "gated_residual";
  static constexpr const char *kSummary =
      "output = (alpha * branch + beta) (op) shortcut; alpha, beta [n c] or [n 1]; add, sub = branch - shortcut, max, "
      "min";
  static constexpr bool kAnyRank = true;

  std::vector<Port> inputs() const {
    return {sluice::tensor("branch"), sluice::tensor("shortcut"), sluice::tensor("alpha"),
            sluice::tensor("beta").optionally(0)};
  }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const {
    return {{"operation", sluice::Attribute::Kind::variant, "add", {}, {}, {"add+sub+max+min"}}};
  }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    return sluice::tensor_extents(in["branch"]);
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const sluice::Broadcast alpha(in, stages, "alpha"), beta(in, stages, "beta");
    const Expr branch = alpha(c, x, y, n) * in["branch"](c, x, y, n) + beta(c, x, y, n);
    const Expr shortcut = in["shortcut"](c, x, y, n), kind = in.scalar("operation_kind");
    stages.add("output")(c, x, y, n) =
        select(kind == 0, branch + shortcut, kind == 1, branch - shortcut, kind == 2,
               select(branch > shortcut, branch, shortcut), select(branch < shortcut, branch, shortcut));
    return stages;
  }
};

SLUICE_REGISTER_LAYER(GatedResidual, gated_residual)
