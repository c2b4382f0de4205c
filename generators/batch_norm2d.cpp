// SPDX-License-Identifier: Apache-2.0
// Batch normalisation, batch_norm.h. batch_train: statistics of the batch, biased variance; batch_eval: the running
// statistics.
#include "batch_norm.h"

using namespace Halide;
using sluice::Context;
using sluice::Moments;
using sluice::Port;
using sluice::Stages;

struct BatchNorm2d : sluice::BatchNorm<BatchNorm2d> {
  static constexpr const char *kName = "batch_norm2d";
  static constexpr const char *kSummary =
      "output = (input - mean) / sqrt(variance + eps) * weight + bias per channel; statistics of the batch or stored";
  GeneratorParam<std::string> norm{"norm", "batch_eval"};
  static std::vector<std::string> packed_names() { return {"weight", "bias", "running_mean", "running_var"}; }

  std::vector<Port> inputs() const { return {sluice::tensor("input").rows()}; }
  std::vector<sluice::Attribute> attributes() const {
    return norm_attributes({"norm", sluice::Attribute::Kind::variant, "", {}, {}, {"batch_eval", "batch_train"}});
  }
  std::map<std::string, std::string> variants() const { return {{"norm", norm.value()}}; }

  Stages define(Context &in) const {
    Stages stages;
    const Var c("c");
    Expr mean = in["running_mean"](c), variance = in["running_var"](c);
    if (norm.value() == "batch_train") {
      const Moments batch = batch_moments(stages, in);
      mean = batch.mean(stages, {c});
      variance = batch.variance(stages, {c});
    }
    normalise_by(stages, in, mean, variance);
    return stages;
  }

  static Moments batch_moments(Stages &stages, const Context &in) { return sluice::batch_moments(stages, in); }
};

SLUICE_REGISTER_LAYER(BatchNorm2d, batch_norm2d)
