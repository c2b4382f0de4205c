// SPDX-License-Identifier: Apache-2.0
// Adam (Kingma, Ba, arXiv 1412.6980) and, with decoupled weight decay, AdamW (Loshchilov, Hutter, arXiv 1711.05101).
//   g  = gradient + weight_decay parameter, or the gradient where the decay is decoupled
//   m' = beta1 m + (1 - beta1) g          v' = beta2 v + (1 - beta2) g^2
//   form=torch  denominator = sqrt(v') / sqrt(1 - beta2^step) + epsilon    (pytorch/pytorch: torch/optim/adam.py)
//   form=tf     denominator = (sqrt(v') + epsilon) / sqrt(1 - beta2^step)  ("epsilon hat" of the paper, section 2)
//   parameter' = (1 - learning_rate weight_decay, if decoupled) parameter
//                - learning_rate / (1 - beta1^step) m' / denominator
#include "optimizer.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct Adam : sluice::OptimizerLayer {
  static constexpr const char *kName = "adam";
  static constexpr const char *kSummary =
      "new_parameter = parameter - learning_rate * corrected first moment / (sqrt(corrected second moment) + epsilon)";

  std::vector<Port> inputs() const { return ports_read(state_ports(), true); }
  std::vector<Port> outputs() const { return ports_made(state_ports()); }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"beta1", Kind::real, "0.9", {}, {}, {}},
            {"beta2", Kind::real, "0.999", {}, {}, {}},
            {"epsilon", Kind::real, "1e-8", {}, {}, {}},
            {"weight_decay", Kind::real, "0", {}, {}, {}},
            {"decoupled", Kind::variant, "false", {}, {}, {"false+true"}},
            {"form", Kind::variant, "torch", {}, {}, {"torch+tf"}}};
  }

  Stages define(Context &in) const {
    Stages stages;
    const Expr beta1 = in.scalar("beta1"), beta2 = in.scalar("beta2"), epsilon = in.scalar("epsilon");
    const Expr weight_decay = in.scalar("weight_decay"), decoupled = in.scalar("decoupled_kind") == 1;
    const Expr one = in.constant(1), one64 = Expr(1.0);
    const Expr rate = in_double(in["learning_rate"](0)), step = in_double(in["step"](0));
    const Expr kept = number(stages, in, "kept", select(decoupled, one64 - rate * in_double(weight_decay), one64));
    const Expr step_size = number(stages, in, "step_size", rate / (one64 - pow(in_double(beta1), step)));
    const Expr root_correction = number(stages, in, "root_correction", sqrt(one64 - pow(in_double(beta2), step)));

    const Expr p = element_at(in, "parameter"), given = element_at(in, "gradient");
    const Expr g = select(decoupled, given, given + weight_decay * p);
    const Expr first = beta1 * element_at(in, "first_moment") + (one - beta1) * g;
    const Expr second = beta2 * element_at(in, "second_moment") + (one - beta2) * (g * g);
    const Expr root = sqrt(second);
    const Expr denominator =
        select(in.scalar("form_kind") == 0, root / root_correction + epsilon, (root + epsilon) / root_correction);
    make(stages, "parameter", kept * p - step_size * (first / denominator));
    make(stages, "first_moment", first);
    make(stages, "second_moment", second);
    return stages;
  }

 private:
  static std::vector<Port> state_ports() { return {sluice::tensor("first_moment"), sluice::tensor("second_moment")}; }
};

SLUICE_REGISTER_LAYER(Adam, adam)
