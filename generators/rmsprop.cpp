// SPDX-License-Identifier: Apache-2.0
// RMSprop (Tieleman, Hinton, Coursera 2012, lecture 6.5), centred as in Graves, arXiv 1308.0850.
//   g = gradient + weight_decay parameter
//   s' = decay s + (1 - decay) g^2        a' = decay a + (1 - decay) g, where centered; a' = 0 elsewhere
//   form=torch  velocity' = momentum velocity + g / (sqrt(s' - a'^2) + epsilon)
//               parameter' = parameter - learning_rate velocity'     (pytorch/pytorch: torch/optim/rmsprop.py)
//   form=tf     velocity' = momentum velocity + learning_rate g / sqrt(s' - a'^2 + epsilon)
//               parameter' = parameter - velocity'                   (TensorFlow 1; its s begins at 1, ours at 0)
// s' - a'^2 is not taken below 0, where rounding could bring it.
#include "optimizer.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct Rmsprop : sluice::OptimizerLayer {
  static constexpr const char *kName = "rmsprop";
  static constexpr const char *kSummary =
      "new_parameter = parameter - learning_rate * gradient / (sqrt(new_mean_square) + epsilon)";

  std::vector<Port> inputs() const { return ports_read(state_ports(), false); }
  std::vector<Port> outputs() const { return ports_made(state_ports()); }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"decay", Kind::real, "0.99", {}, {}, {}},
            {"epsilon", Kind::real, "1e-8", {}, {}, {}},
            {"momentum", Kind::real, "0", {}, {}, {}},
            {"weight_decay", Kind::real, "0", {}, {}, {}},
            {"centered", Kind::variant, "false", {}, {}, {"false+true"}},
            {"form", Kind::variant, "torch", {}, {}, {"torch+tf"}}};
  }

  Stages define(Context &in) const {
    Stages stages;
    const Expr zero = in.constant(0), one = in.constant(1), decay = in.scalar("decay"), epsilon = in.scalar("epsilon");
    const Expr rate = in["learning_rate"](0), torch = in.scalar("form_kind") == 0;
    const Expr p = element_at(in, "parameter"), g = element_at(in, "gradient") + in.scalar("weight_decay") * p;
    const Expr square = decay * element_at(in, "mean_square") + (one - decay) * (g * g);
    const Expr mean =
        select(in.scalar("centered_kind") == 1, decay * element_at(in, "mean_gradient") + (one - decay) * g, zero);
    const Expr difference = square - mean * mean, spread = select(difference > zero, difference, zero);
    const Expr direction = g / select(torch, sqrt(spread) + epsilon, sqrt(spread + epsilon));
    const Expr velocity =
        in.scalar("momentum") * element_at(in, "velocity") + select(torch, direction, rate * direction);
    make(stages, "parameter", p - select(torch, rate * velocity, velocity));
    make(stages, "mean_square", square);
    make(stages, "mean_gradient", mean);
    make(stages, "velocity", velocity);
    return stages;
  }

 private:
  static std::vector<Port> state_ports() {
    return {sluice::tensor("mean_square"), sluice::tensor("mean_gradient").only_when("centered=true"),
            sluice::tensor("velocity").only_when("momentum!=0")};
  }
};

SLUICE_REGISTER_LAYER(Rmsprop, rmsprop)
