// SPDX-License-Identifier: Apache-2.0
// Two tensors combined element by element. An axis of extent 1 is broadcast against the other tensor's.
#include "layer_generators.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct Elementwise : sluice::LayerDefaults {
  static constexpr const char *kName = "elementwise";
  static constexpr const char *kSummary = "output = a (op) b; add, sub, mul, max, min, mask_out = a * (1 - b)";
  GeneratorParam<std::string> operation{"operation", "add"};

  std::vector<Port> inputs() const { return {sluice::tensor("a"), sluice::tensor("b")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const {
    return {
        {"operation", sluice::Attribute::Kind::variant, "", {}, {}, {"add", "sub", "mul", "max", "min", "mask_out"}}};
  }
  std::map<std::string, std::string> variants() const { return {{"operation", operation.value()}}; }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    std::vector<Expr> extents;
    for (const char *axis : {"c", "x", "y", "n"})
      extents.push_back(max(in["a"].extent.at(axis), in["b"].extent.at(axis)));
    return extents;
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const Expr a = broadcast(in["a"], c, x, y, n), b = broadcast(in["b"], c, x, y, n);
    stages.add("output")(c, x, y, n) = combine(a, b);
    return stages;
  }

 private:
  // Multiplying by 0 keeps the index affine, so that the gradient of a broadcast axis is a sum over it.
  static Expr broadcast(const sluice::Operand &operand, const Var &c, const Var &x, const Var &y, const Var &n) {
    const auto step = [&](const char *axis) { return select(operand.extent.at(axis) == 1, 0, 1); };
    return operand(c * step("c"), x * step("x"), y * step("y"), n * step("n"));
  }
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
