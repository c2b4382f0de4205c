// SPDX-License-Identifier: Apache-2.0
// One number of each row: the score of the class that a label names. Labels are clamped to the channels there are.
#include "layer_generators.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct PickChannel : sluice::LayerDefaults {
  static constexpr const char *kName = "pick_channel";
  static constexpr const char *kSummary = "output [n] = input [n c] at c = label[n]";

  std::vector<Port> inputs() const {
    return {sluice::port("input", {{"c", ""}, {"n", ""}}), sluice::port("label", {{"n", ""}}).constant()};
  }
  std::vector<Port> outputs() const { return {sluice::port("output", {{"n", ""}})}; }
  std::vector<sluice::Attribute> attributes() const { return {}; }
  std::vector<Expr> extents(const Context &in, const std::string &) const { return {in["input"].extent.at("n")}; }
  Stages define(Context &in) const {
    Stages stages;
    const Var n("n");
    const Expr last = in["input"].extent.at("c") - 1;
    stages.add("output")(n) = in["input"](clamp(cast<int>(in["label"](n)), 0, last), n);
    return stages;
  }
};

SLUICE_REGISTER_LAYER(PickChannel, pick_channel)
