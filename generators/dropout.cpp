// SPDX-License-Identifier: Apache-2.0
// Dropout (Srivastava et al., JMLR 15, 2014), scaled in training. Its bits are a function of seed, step and the
// element's index in n c h w order alone (Philox2x32-10, Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC
// 2011): the same for any number of threads, on any device, and again in backward. `step` [1] tells one run from the
// next.
#include "layer_generators.h"
#include "tensor_extents.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct Dropout : sluice::LayerDefaults {
  static constexpr const char *kName = "dropout";
  static constexpr const char *kSummary =
      "mode=train: output = input / (1 - probability), or 0 with that probability; mode=eval: output = input";
  static constexpr bool kAnyRank = true;

  std::vector<Port> inputs() const {
    return {sluice::tensor("input"), sluice::port("step", {{"i", ""}}).optionally(0).constant()};
  }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"probability", Kind::real, "0.5", {}, {}, {}},
            {"seed", Kind::integer, "0", {}, {}, {}},
            {"mode", Kind::variant, "", {}, {}, {"eval+train"}}};
  }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    return sluice::tensor_extents(in["input"]);
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const sluice::Operand &input = in["input"];
    const auto &e = input.extent;
    const Expr index = ((n * e.at("c") + c) * e.at("y") + y) * e.at("x") + x;
    const Expr bits =
        philox(cast<uint32_t>(index), cast<uint32_t>(cast<int>(in["step"](0))), cast<uint32_t>(in.scalar("seed")));
    const Expr p = in.scalar("probability");
    const Expr dropped = cast(in.element, bits >> 8) * in.constant(1.0 / (1 << 24)) < p;
    const Expr value = input(c, x, y, n);
    stages.add("output")(c, x, y, n) =
        select(in.scalar("mode_kind") == 0, value, dropped, in.constant(0), value / (in.constant(1) - p));
    return stages;
  }

 private:
  static Expr philox(Expr first, Expr second, Expr key) {
    constexpr int kRounds = 10;
    for (int round = 0; round < kRounds; round++) {
      const Expr product = cast<uint64_t>(first) * cast<uint64_t>(Expr(0xD256D193u));
      first = cast<uint32_t>(product >> 32) ^ key ^ second;
      second = cast<uint32_t>(product);
      key = key + Expr(0x9E3779B9u);
    }
    return first;
  }
};

SLUICE_REGISTER_LAYER(Dropout, dropout)
