// SPDX-License-Identifier: Apache-2.0
// Gradient descent with momentum (Sutskever et al., ICML 2013, in the form of pytorch/pytorch: torch/optim/sgd.py).
//   g  = gradient + weight_decay parameter       velocity' = momentum velocity + g
//   parameter' = parameter - learning_rate velocity', with nesterov=true - learning_rate (g + momentum velocity')
#include "optimizer.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct Sgd : sluice::OptimizerLayer {
  static constexpr const char *kName = "sgd";
  static constexpr const char *kSummary =
      "new_parameter = parameter - learning_rate * new_velocity; new_velocity = momentum * velocity + gradient";

  std::vector<Port> inputs() const { return ports_read(state_ports(), false); }
  std::vector<Port> outputs() const { return ports_made(state_ports()); }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"momentum", Kind::real, "0", {}, {}, {}},
            {"nesterov", Kind::variant, "false", {}, {}, {"false+true"}},
            {"weight_decay", Kind::real, "0", {}, {}, {}}};
  }

  Stages define(Context &in) const {
    Stages stages;
    const Expr p = element_at(in, "parameter"), momentum = in.scalar("momentum");
    const Expr g = element_at(in, "gradient") + in.scalar("weight_decay") * p;
    const Expr velocity = momentum * element_at(in, "velocity") + g;
    const Expr direction = select(in.scalar("nesterov_kind") == 1, g + momentum * velocity, velocity);
    make(stages, "parameter", p - in["learning_rate"](0) * direction);
    make(stages, "velocity", velocity);
    return stages;
  }

 private:
  static std::vector<Port> state_ports() { return {sluice::tensor("velocity").only_when("momentum!=0")}; }
};

SLUICE_REGISTER_LAYER(Sgd, sgd)
