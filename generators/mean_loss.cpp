// SPDX-License-Identifier: Apache-2.0
// The losses of training as means over all elements; op loss (loss.graph) gives the ports their names. Sums are made
// along x, every kStrands-th pixel together, then over strands and channels, then over rows and pictures: short sums of
// equal length, in an order that depends neither on threads nor on the machine.
//   bce               -(t log p + (1 - t) log(1 - p)), logarithms not below -100 (PyTorch)
//   bce_with_logits   the same with p = sigmoid(x), as max(x, 0) - x t + log(1 + e^-|x|)
//   hinge_d           (max(1 - real, 0) + max(1 + fake, 0)) / 2, input = real, reference = fake; hinge_g: -x
//   lsgan_real        (x - 1)^2 (Mao et al., arXiv 1611.04076); lsgan_fake: x^2
//   wgan_real         x; wgan_fake: -x (the sign of arnabgho/iSketchNFill: the discriminator minimises the real score)
//   l1, l2            |x - t|, (x - t)^2 (JiahuiYu/generative_inpainting: l1 over the whole picture, hole or not)
//   masked_l1, _l2    mask |x - t|, mask (x - t)^2: means over all elements, not over those of the mask (GuideNet's
//   loss)
// The mean is multiplied by `scale`, so that losses can be added.
#include "broadcast.h"
#include "layer_generators.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct MeanLoss : sluice::LayerDefaults {
  static constexpr const char *kName = "mean_loss";
  static constexpr const char *kSummary = "output [1] = scale * mean of the loss of every element of input";
  static constexpr bool kAnyRank = true;
  static constexpr int kStrands = 16;
  static constexpr const char *kLight =
                                  "hinge_d+hinge_g+l1+l2+lsgan_fake+lsgan_real+masked_l1+masked_l2+wgan_fake+wgan_real",
                              *kLogarithmic = "bce+bce_with_logits";
  GeneratorParam<std::string> loss{"loss", kLight};

  std::vector<Port> inputs() const {
    return {sluice::tensor("input"), sluice::tensor("reference").optionally(0),
            sluice::tensor("mask").optionally(1).constant()};
  }
  std::vector<Port> outputs() const { return {sluice::port("output", {{"n", ""}})}; }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"loss", Kind::variant, "", {}, {}, {kLight, kLogarithmic}}, {"scale", Kind::real, "1", {}, {}, {}}};
  }
  std::map<std::string, std::string> variants() const { return {{"loss", loss.value()}}; }
  std::vector<Expr> extents(const Context &, const std::string &) const { return {1}; }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), strand("strand"), y("y"), n("n");
    const auto &e = in["input"].extent;
    const sluice::Broadcast reference(in, stages, "reference"), mask(in, stages, "mask");
    const auto at = [&](const Expr &x) {
      return element_loss(in, in["input"](c, x, y, n), reference(c, x, y, n), mask(c, x, y, n));
    };
    // One strand is all that the gradient needs.
    const int strands = in.backward ? 1 : kStrands;
    const RDom across(0, (e.at("x") + strands - 1) / strands);
    const RDom parts(0, e.at("c"), 0, strands), rows(0, e.at("y"), 0, e.at("n"));
    Func &line = stages.add("line_sum"), &row = stages.add("row_sum"), &total = stages.add("total");
    line(c, strand, y, n) = in.constant(0);
    const Expr x = across * strands + strand, last = e.at("x") - 1;
    line(c, strand, y, n) += in.backward ? at(across) : select(x <= last, at(min(x, last)), in.constant(0));
    row(y, n) = in.constant(0);
    row(y, n) += line(parts[0], parts[1], y, n);
    total(n) = in.constant(0);
    total(n) += row(rows[0], rows[1]);
    const Expr count = cast(in.element, e.at("c") * e.at("x")) * cast(in.element, e.at("y") * e.at("n"));
    stages.add("output")(n) = total(n) / count * in.scalar("scale");
    return stages;
  }

 private:
  Expr element_loss(const Context &in, const Expr &v, const Expr &t, const Expr &mask) const {
    const Expr zero = in.constant(0), one = in.constant(1), tiny = in.constant(1.2e-38);
    const auto positive = [&](const Expr &u) { return select(u > zero, u, zero); };
    const auto log_of = [&](const Expr &p) { return select(p > tiny, log(max(p, tiny)), in.constant(-100)); };
    if (loss.value() == kLogarithmic) {
      return choose(in, {zero - (t * log_of(v) + (one - t) * log_of(one - v)),
                         positive(v) - v * t + log(one + exp(zero - abs(v)))});
    }
    const Expr d = v - t;
    return choose(in, {(positive(one - v) + positive(one + t)) * in.constant(0.5), zero - v, abs(d), d * d, v * v,
                       (v - one) * (v - one), mask * abs(d), mask * d * d, zero - v, v});
  }
  // The loss that the node names.
  static Expr choose(const Context &in, const std::vector<Expr> &losses) {
    Expr chosen = losses.back();
    for (size_t k = losses.size() - 1; k-- > 0;)
      chosen = select(in.scalar("loss_kind") == static_cast<int>(k), losses[k], chosen);
    return chosen;
  }
};

SLUICE_REGISTER_LAYER(MeanLoss, mean_loss)
