// SPDX-License-Identifier: Apache-2.0
// Batch normalisation over pictures and pixels (Ioffe and Szegedy, arXiv 1502.03167), any rank from n c on.
// batch_train: statistics of the batch, biased variance; new_running = running + momentum * (batch - running) with the
// unbiased variance. batch_eval: the running statistics.
#include "packed_vectors.h"
#include "statistics.h"

using namespace Halide;
using sluice::Context;
using sluice::Moments;
using sluice::Port;
using sluice::Stages;

struct BatchNorm2d : sluice::LayerDefaults {
  static constexpr const char *kName = "batch_norm2d";
  static constexpr const char *kSummary =
      "output = (input - mean) / sqrt(variance + eps) * weight + bias per channel; statistics of the batch or stored";
  static constexpr const char *kUpdateWhen = "norm=batch_train";
  static constexpr bool kAnyRank = true;
  GeneratorParam<std::string> norm{"norm", "batch_eval"};

  std::vector<Port> inputs() const { return {sluice::tensor("input").rows()}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output").rows()}; }
  std::vector<Port> parameters() const { return {vector("weight"), vector("bias")}; }
  std::vector<Port> state() const { return {vector("running_mean"), vector("running_var")}; }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"norm", Kind::variant, "", {}, {}, {"batch_eval", "batch_train"}},
            {"eps", Kind::real, "1e-5", {}, {}, {}},
            {"momentum", Kind::real, "0.1", {}, {}, {}}};
  }
  std::map<std::string, std::string> variants() const { return {{"norm", norm.value()}}; }

  std::vector<Port> packed() const { return {sluice::packed_vectors("packed_norm")}; }
  Stages pack(Context &in) const {
    Stages stages;
    sluice::pack_vectors(stages, in, "packed_norm", names());
    return stages;
  }
  void unpack(Context &in) const { sluice::unpack_vectors(in, "packed_norm", names()); }
  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    if (port == "packed_norm") return {in["weight"].extent.at("o"), static_cast<int>(names().size())};
    return sluice::input_extents(in);
  }

  Stages update(Context &in) const {
    Stages stages;
    const Var o("o");
    const Moments batch = batch_moments(stages, in);
    const Expr step = in.scalar("momentum");
    const Expr unbiased = batch.square(stages, {o}) / max(batch.values - 1, in.constant(1));
    const Expr mean = in["running_mean"](o), variance = in["running_var"](o);
    stages.add("new_running_mean")(o) = mean + step * (batch.mean(stages, {o}) - mean);
    stages.add("new_running_var")(o) = variance + step * (unbiased - variance);
    return stages;
  }

  Stages define(Context &in) const {
    Stages stages;
    const Var c("c");
    Expr mean = in["running_mean"](c), variance = in["running_var"](c);
    if (norm.value() == "batch_train") {
      const Moments batch = batch_moments(stages, in);
      mean = batch.mean(stages, {c});
      variance = batch.variance(stages, {c});
    }
    const Expr scale = in["weight"](c) / sqrt(variance + in.scalar("eps"));
    sluice::normalise(stages, in, mean, scale, in["bias"](c));
    return stages;
  }

 private:
  static Port vector(const std::string &name) { return sluice::port(name, {{"o", "input.c"}}); }
  static std::vector<std::string> names() { return {"weight", "bias", "running_mean", "running_var"}; }
  static Moments batch_moments(Stages &stages, const Context &in) {
    const Var c("c");
    const RDom r(0, in["input"].extent.at("n"));
    return sluice::union_of(sluice::plane_moments(stages, in), "batch", stages, in, {c}, {c, r},
                            sluice::extent_of(in, "n"));
  }
};

SLUICE_REGISTER_LAYER(BatchNorm2d, batch_norm2d)
