// SPDX-License-Identifier: Apache-2.0
// Batch normalisation (Ioffe and Szegedy, arXiv 1502.03167) by the statistics of several parts of one batch, of equal
// size, of which the input is one: "synchronised" batch norm. `mean_var` has two rows a part, as batch_moments makes
// them. Statistics of the whole follow as in statistics.h; running ones as in batch_norm2d.
#include "packed_vectors.h"
#include "statistics.h"

using namespace Halide;
using sluice::Context;
using sluice::Moments;
using sluice::Port;
using sluice::Stages;

struct BatchNormOfMoments : sluice::LayerDefaults {
  static constexpr const char *kName = "batch_norm_of_moments";
  static constexpr const char *kSummary =
      "output = (input - mean) / sqrt(variance + eps) * weight + bias per channel; statistics of all parts of a batch";
  static constexpr const char *kUpdateWhen = "norm=batch_train";
  static constexpr bool kAnyRank = true;
  GeneratorParam<std::string> norm{"norm", "batch_train"};

  std::vector<Port> inputs() const {
    return {sluice::tensor("input").rows(), sluice::port("mean_var", {{"c", ""}, {"n", ""}})};
  }
  std::vector<Port> outputs() const { return {sluice::tensor("output").rows()}; }
  std::vector<Port> parameters() const { return {vector("weight"), vector("bias")}; }
  std::vector<Port> state() const { return {vector("running_mean"), vector("running_var")}; }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"norm", Kind::variant, "batch_train", {}, {}, {"batch_train"}},
            {"eps", Kind::real, "1e-5", {}, {}, {}},
            {"momentum", Kind::real, "0.1", {}, {}, {}}};
  }
  std::map<std::string, std::string> variants() const { return {{"norm", norm.value()}}; }

  std::vector<Port> packed() const { return {sluice::packed_vectors("packed_norm")}; }
  Stages pack(Context &in) const {
    Stages stages;
    sluice::pack_vectors(stages, in, "packed_norm", {"weight", "bias"});
    return stages;
  }
  void unpack(Context &in) const { sluice::unpack_vectors(in, "packed_norm", {"weight", "bias"}); }
  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    if (port == "packed_norm") return {in["weight"].extent.at("o"), 2};
    return sluice::input_extents(in);
  }

  Stages update(Context &in) const {
    Stages stages;
    const Var o("o");
    const Moments batch = moments_of_all(stages, in);
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
    const Moments batch = moments_of_all(stages, in);
    const Expr scale = in["weight"](c) / sqrt(batch.variance(stages, {c}) + in.scalar("eps"));
    sluice::normalise(stages, in, batch.mean(stages, {c}), scale, in["bias"](c));
    return stages;
  }

 private:
  static Port vector(const std::string &name) { return sluice::port(name, {{"o", "input.c"}}); }
  static Moments moments_of_all(Stages &stages, const Context &in) {
    const Var c("c"), p("p");
    const sluice::Operand &moments = in["mean_var"];
    const Expr values = sluice::extent_of(in, "x") * sluice::extent_of(in, "y") * sluice::extent_of(in, "n");
    stages.add("part_mean")(c, p) = moments(c, 2 * p);
    stages.add("part_square")(c, p) = moments(c, 2 * p + 1) * values;
    const Expr parts = moments.extent.at("n") / 2;
    const RDom r(0, parts);
    return sluice::union_of({"part", values}, "batch", stages, in, {c}, {c, r}, cast(in.element, parts));
  }
};

SLUICE_REGISTER_LAYER(BatchNormOfMoments, batch_norm_of_moments)
