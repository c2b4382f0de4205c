// SPDX-License-Identifier: Apache-2.0
// Base of the layers of batch normalisation (Ioffe and Szegedy, arXiv 1502.03167) over pictures and pixels, any rank
// from n c on. They differ in whose statistics they take: Layer::batch_moments(stages, context), by channel.
#pragma once
#include "packed_vectors.h"
#include "statistics.h"

namespace sluice {

template <typename Layer>
struct BatchNorm : PackedVectors<Layer> {
  static constexpr const char *kPacked = "packed_norm";
  static constexpr const char *kUpdateWhen = "norm=batch_train";
  static constexpr bool kAnyRank = true;

  std::vector<Port> outputs() const { return {tensor("output").rows()}; }
  std::vector<Port> parameters() const { return {channels("weight"), channels("bias")}; }
  std::vector<Port> state() const { return {channels("running_mean"), channels("running_var")}; }

  std::vector<Halide::Expr> extents(const Context &in, const std::string &port) const {
    if (port == kPacked) return this->packed_extents(in);
    return tensor_extents(in["input"]);
  }

  // new_running = running + momentum * (batch - running), with the unbiased variance of the batch.
  Stages update(Context &in) const {
    Stages stages;
    const Halide::Var o("o");
    const Moments batch = Layer::batch_moments(stages, in);
    const Halide::Expr step = in.scalar("momentum");
    const Halide::Expr unbiased = batch.square(stages, {o}) / Halide::max(batch.values - 1, in.constant(1));
    const Halide::Expr mean = in["running_mean"](o), variance = in["running_var"](o);
    stages.add("new_running_mean")(o) = mean + step * (batch.mean(stages, {o}) - mean);
    stages.add("new_running_var")(o) = variance + step * (unbiased - variance);
    return stages;
  }

 protected:
  static std::vector<Attribute> norm_attributes(const Attribute &norm) {
    using Kind = Attribute::Kind;
    return {norm, {"eps", Kind::real, "1e-5", {}, {}, {}}, {"momentum", Kind::real, "0.1", {}, {}, {}}};
  }
  // Stage "output" of the input, by mean and biased variance of a channel.
  static void normalise_by(Stages &stages, const Context &in, const Halide::Expr &mean, const Halide::Expr &variance) {
    const Halide::Var c("c");
    normalise(stages, in, mean, in["weight"](c) / Halide::sqrt(variance + in.scalar("eps")), in["bias"](c));
  }

 private:
  static Port channels(const std::string &name) { return port(name, {{"o", "input.c"}}); }
};

}  // namespace sluice
