// SPDX-License-Identifier: Apache-2.0
// Batch normalisation, batch_norm.h, by the statistics of several parts of one batch, of equal size, of which the input
// is one: "synchronised" batch norm. `mean_var` has two rows a part, as the layer batch_moments makes them.
#include "batch_norm.h"

using namespace Halide;
using sluice::Context;
using sluice::Moments;
using sluice::Port;
using sluice::Stages;

struct BatchNormOfMoments : sluice::BatchNorm<BatchNormOfMoments> {
  static constexpr const char *kName = "batch_norm_of_moments";
  static constexpr const char *kSummary =
      "output = (input - mean) / sqrt(variance + eps) * weight + bias per channel; statistics of all parts of a batch";
  GeneratorParam<std::string> norm{"norm", "batch_train"};
  static std::vector<std::string> packed_names() { return {"weight", "bias"}; }

  std::vector<Port> inputs() const {
    return {sluice::tensor("input").rows(), sluice::port("mean_var", {{"c", ""}, {"n", ""}})};
  }
  std::vector<sluice::Attribute> attributes() const {
    return norm_attributes({"norm", sluice::Attribute::Kind::variant, "batch_train", {}, {}, {"batch_train"}});
  }
  std::map<std::string, std::string> variants() const { return {{"norm", norm.value()}}; }

  Stages define(Context &in) const {
    Stages stages;
    const Var c("c");
    const Moments batch = batch_moments(stages, in);
    normalise_by(stages, in, batch.mean(stages, {c}), batch.variance(stages, {c}));
    return stages;
  }

  static Moments batch_moments(Stages &stages, const Context &in) {
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
