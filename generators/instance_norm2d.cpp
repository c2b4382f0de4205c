// SPDX-License-Identifier: Apache-2.0
// Instance normalisation (Ulyanov et al., arXiv 1607.08022): every channel of every picture by its own statistics. No
// running statistics; weight and bias with affine=true.
#include "activation_functions.h"
#include "packed_vectors.h"
#include "statistics.h"

using namespace Halide;
using sluice::Context;
using sluice::Moments;
using sluice::Port;
using sluice::Stages;

struct InstanceNorm2d : sluice::PackedVectors<InstanceNorm2d> {
  static constexpr const char *kName = "instance_norm2d", *kPacked = "packed_norm";
  static constexpr const char *kSummary =
      "output = activation((input - mean) / sqrt(variance + eps) * weight + bias), statistics of each channel of each "
      "picture";
  static constexpr bool kAnyRank = true;
  static constexpr const char *kActivations = "none+relu+leaky_relu";
  static std::vector<std::string> packed_names() { return {"weight", "bias"}; }

  std::vector<Port> inputs() const { return {sluice::tensor("input")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<Port> parameters() const {
    return {sluice::port("weight", {{"o", "input.c"}}).only_when("affine=true", 1),
            sluice::port("bias", {{"o", "input.c"}}).only_when("affine=true")};
  }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"eps", Kind::real, "1e-5", {}, {}, {}},
            {"affine", Kind::shape, "false", {}, {}, {}},
            {"activation", Kind::variant, "none", {}, {}, {kActivations}},
            {"negative_slope", Kind::real, "0.2", {}, {}, {}}};
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    if (port == kPacked) return packed_extents(in);
    return sluice::tensor_extents(in["input"]);
  }

  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const Moments plane = sluice::plane_moments(stages, in);
    const Expr scale = sluice::element_of(in["weight"], c) / sqrt(plane.variance(stages, {c, n}) + in.scalar("eps"));
    const Expr normed =
        sluice::normalised(stages, in, plane.mean(stages, {c, n}), scale, sluice::element_of(in["bias"], c));
    stages.add("output")(c, x, y, n) = sluice::activate(kActivations, normed, in);
    return stages;
  }
};

SLUICE_REGISTER_LAYER(InstanceNorm2d, instance_norm2d)
