// SPDX-License-Identifier: Apache-2.0
// Statistics of a batch, or of the part of it that one process has: what batch_norm_of_moments normalises with.
#include "statistics.h"

using namespace Halide;
using sluice::Context;
using sluice::Moments;
using sluice::Port;
using sluice::Stages;

struct BatchMoments : sluice::LayerDefaults {
  static constexpr const char *kName = "batch_moments";
  static constexpr const char *kSummary = "output [2 c] = mean and biased variance of every channel of the batch";
  static constexpr bool kAnyRank = true;

  std::vector<Port> inputs() const { return {sluice::tensor("input").rows()}; }
  std::vector<Port> outputs() const { return {sluice::port("output", {{"c", ""}, {"n", ""}})}; }
  std::vector<sluice::Attribute> attributes() const { return {}; }
  std::vector<Expr> extents(const Context &in, const std::string &) const { return {in["input"].extent.at("c"), 2}; }

  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), n("n");
    const Moments batch = sluice::batch_moments(stages, in);
    stages.add("output")(c, n) = select(n == 0, batch.mean(stages, {c}), batch.variance(stages, {c}));
    return stages;
  }
};

SLUICE_REGISTER_LAYER(BatchMoments, batch_moments)
