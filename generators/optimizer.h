// SPDX-License-Identifier: Apache-2.0
// What optimisers share. Port p of `parameter` and the state is read, and new_p is what becomes of it; learning_rate
// [1] and, where a rule counts, step [1] (from 1) differ from call to call. Nothing has a gradient, so there is no
// backward kernel, and float32 arithmetic can be kept as it is written: an element has the same bits wherever it stands
// in its tensor, on every instruction set.
#pragma once
#include "layer_generators.h"
#include "tensor_extents.h"

namespace sluice {

struct OptimizerLayer : LayerDefaults {
  static constexpr bool kAnyRank = true;

  std::vector<Halide::Expr> extents(const Context &in, const std::string &) const {
    return tensor_extents(in["parameter"]);
  }

 protected:
  // State with a condition is kept where it holds; elsewhere the kernel multiplies it by 0.
  static std::vector<Port> ports_read(const std::vector<Port> &state, bool counts_steps) {
    std::vector<Port> ports = joined({tensor("parameter"), tensor("gradient")}, state);
    ports.push_back(port("learning_rate", {{"i", ""}}));
    if (counts_steps) ports.push_back(port("step", {{"i", ""}}));
    return constants(ports);
  }
  static std::vector<Port> ports_made(const std::vector<Port> &state) {
    std::vector<Port> ports{tensor("new_parameter")};
    for (const Port &one : state) ports.push_back(tensor("new_" + one.name));
    return constants(ports);
  }

  // Operand `port` at the element that is computed.
  static Halide::Expr element_at(const Context &in, const std::string &port) {
    return in[port](Halide::Var("c"), Halide::Var("x"), Halide::Var("y"), Halide::Var("n"));
  }
  // Stage new_<port>.
  static void make(Stages &stages, const std::string &port, const Halide::Expr &value) {
    stages.add("new_" + port)(Halide::Var("c"), Halide::Var("x"), Halide::Var("y"), Halide::Var("n")) =
        Halide::strict_float(value);
  }
  // A number that is the same for all elements: computed once, in double.
  static Halide::Expr number(Stages &stages, const Context &in, const std::string &name, const Halide::Expr &value) {
    Halide::Func &stage = stages.add(name);
    stage() = Halide::strict_float(Halide::cast(in.element, value));
    return stage();
  }
  static Halide::Expr in_double(const Halide::Expr &value) { return Halide::cast<double>(value); }
};

}  // namespace sluice
