// SPDX-License-Identifier: Apache-2.0
// Two tensors combined element by element, and an activation. An axis of extent 1, or one that a tensor does not have
// ([n c] against [n c h w]), is broadcast against the other tensor's.
#include "activation_functions.h"
#include "broadcast.h"
#include "layer_generators.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct Elementwise : sluice::LayerDefaults {
  static constexpr const char *kName = "elementwise";
  static constexpr const char *kSummary =
      "output = activation(a (op) b); add, sub, mul, max, min, mask_out = a * (1 - b)";
  static constexpr bool kAnyRank = true;
  GeneratorParam<std::string> operation{"operation", "add"};

  std::vector<Port> inputs() const { return {sluice::tensor("a"), sluice::tensor("b")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"operation", Kind::variant, "", {}, {}, {"add", "sub", "mul", "max", "min", "mask_out"}},
            {"activation", Kind::variant, "none", {}, {}, {"none+relu+leaky_relu"}},
            {"negative_slope", Kind::real, "0.2", {}, {}, {}}};
  }
  std::map<std::string, std::string> variants() const { return {{"operation", operation.value()}}; }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    return sluice::broadcast_extents(in["a"], in["b"]);
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const sluice::Broadcast a(in, stages, "a"), b(in, stages, "b");
    const Expr combined = combine(a(c, x, y, n), b(c, x, y, n));
    stages.add("output")(c, x, y, n) = sluice::activate("none+relu+leaky_relu", combined, in);
    return stages;
  }

 private:
  Expr combine(const Expr &a, const Expr &b) const {
    const std::string name = operation.value();
    if (name == "add") return a + b;
    if (name == "sub") return a - b;
    if (name == "mul") return a * b;
    if (name == "max") return select(a > b, a, b);
    if (name == "min") return select(a < b, a, b);
    if (name == "mask_out") return a * (Internal::make_one(b.type()) - b);
    throw std::runtime_error("unknown operation '" + name + "'");
  }
};

SLUICE_REGISTER_LAYER(Elementwise, elementwise)
