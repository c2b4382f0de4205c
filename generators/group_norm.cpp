// SPDX-License-Identifier: Apache-2.0
// Group normalisation (Wu and He, arXiv 1803.08494): num_groups equal groups of neighbouring channels of each picture,
// each by its own statistics; weight and bias per channel.
#include "packed_vectors.h"
#include "statistics.h"

using namespace Halide;
using sluice::Context;
using sluice::Moments;
using sluice::Port;
using sluice::Stages;

struct GroupNorm : sluice::PackedVectors<GroupNorm> {
  static constexpr const char *kName = "group_norm", *kPacked = "packed_norm";
  static constexpr const char *kSummary =
      "output = (input - mean) / sqrt(variance + eps) * weight + bias, statistics of each group of channels of each "
      "picture";
  static constexpr bool kAnyRank = true;
  static std::vector<std::string> packed_names() { return {"weight", "bias"}; }

  std::vector<Port> inputs() const { return {sluice::tensor("input")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<Port> parameters() const {
    return {sluice::port("weight", {{"o", "input.c"}}).only_when("affine=true", 1),
            sluice::port("bias", {{"o", "input.c"}}).only_when("affine=true")};
  }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"num_groups", Kind::integer, "", {}, {}, {}},
            {"eps", Kind::real, "1e-5", {}, {}, {}},
            {"affine", Kind::shape, "true", {}, {}, {}}};
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    if (port == kPacked) return packed_extents(in);
    return sluice::tensor_extents(in["input"]);
  }

  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), n("n"), g("g");
    const Expr channels = in["input"].extent.at("c"), groups = in.scalar("num_groups");
    const Expr size = channels / max(groups, 1);
    const RDom member(0, size);
    const Moments group = sluice::union_of(sluice::plane_moments(stages, in), "group", stages, in, {g, n},
                                           {g * size + member, n}, cast(in.element, size));
    const Expr scale = Expr(in.constant(1)) / sqrt(group.variance(stages, {g, n}) + in.scalar("eps"));
    stages.add("group_scale")(g, n) = scale;
    spread(stages, in, "group_mean", size, groups);
    spread(stages, in, "group_scale", size, groups);
    sluice::normalise(stages, in, stages["group_mean_of"](c, n),
                      stages["group_scale_of"](c, n) * sluice::element_of(in["weight"], c),
                      sluice::element_of(in["bias"], c));
    return stages;
  }

 private:
  // Stage <name>_of(c, n): the value of the group that channel c belongs to. A sum with one term, because autodiff
  // needs affine indices.
  static void spread(Stages &stages, const Context &in, const std::string &name, const Expr &size, const Expr &groups) {
    const Var c("c"), n("n");
    const RDom r(0, groups);
    Func &channel = stages.add(name + "_of");
    channel(c, n) = in.constant(0);
    channel(c, n) += select(c >= r * size && c < (r + 1) * size, stages[name](r, n), in.constant(0));
  }
};

SLUICE_REGISTER_LAYER(GroupNorm, group_norm)
