// SPDX-License-Identifier: Apache-2.0
// For layers whose linear part sees something else than the parameters of files (a weight over its spectral norm), the
// step between: derived_<port>, what the definition sees of a parameter, and from upstream_<port>, the gradient of
// that, grad_<port>. With the linear part's gradients and the data gradient these take the place of the whole backward
// kernel.
#pragma once
#include "layer_generators.h"

namespace sluice {

// Inputs: scalars, the parameters and the state of files, with part=gradient upstream_<port>; outputs: derived_<port>
// or grad_<port>, of the one parameter that linear() knows by another name.
template <typename Layer>
class DerivedGenerator : public LayerGenerator<Layer, DerivedGenerator<Layer>> {
 public:
  Halide::GeneratorParam<std::string> part{"part", "value"};

  void configure() {
    this->add_scalars();
    for (const Port &port : joined(this->layer.parameters(), this->layer.state())) this->add_input_port(port);
    const Port own = derived();
    if (of_gradient()) this->add_input_port(renamed(own, "upstream_" + own.name));
    this->add_output_port(output(), own);
  }

  void generate() {
    const Port own = derived();
    Plan plan = this->start(joined(this->layer.parameters(), this->layer.state()), true);
    this->context_.backward = true;
    const Halide::Func given = this->context_[own.name].func;
    Stages stages;
    this->layer.derive(this->context_, stages);
    const Halide::Func seen = this->context_[this->layer.linear().at(own.name)].func;
    Halide::Func result(output());
    result(Halide::_) = (of_gradient() ? gradient_of(given, seen, stages) : seen)(Halide::_);
    for (const auto &entry : stages.all()) Halide::Func(entry.second).compute_root();
    result.parallel(result.args().back());
    *this->outputs_[output()] = result;
    for (int d = 0; d < dimensions(own); d++)
      this->outputs_[output()]->dim(d).set_bounds(0, this->inputs_[own.name]->dim(d).extent());
  }

 private:
  bool of_gradient() const { return part.value() == "gradient"; }
  std::string output() const { return (of_gradient() ? "grad_" : "derived_") + derived().name; }
  static Port renamed(Port port, const std::string &name) {
    port.name = name;
    return port;
  }
  Port derived() const {
    for (const Port &port : this->layer.parameters()) {
      const auto seen = this->layer.linear().find(port.name);
      if (seen != this->layer.linear().end() && seen->second != port.name) return port;
    }
    throw std::runtime_error(std::string(Layer::kName) + ": linear() sees every parameter as it is");
  }

  Halide::Func gradient_of(const Halide::Func &given, const Halide::Func &seen, const Stages &stages) {
    BufferInput &upstream = *this->inputs_["upstream_" + derived().name];
    Halide::Region region;
    for (int d = 0; d < upstream.dimensions(); d++) {
      upstream.dim(d).set_bounds(0, this->inputs_[derived().name]->dim(d).extent());
      region.emplace_back(0, upstream.dim(d).extent() - 1);
    }
    const Halide::Func adjoint = Halide::BoundaryConditions::constant_exterior(upstream, this->context_.constant(0));
    const Halide::Derivative derivative = Halide::propagate_adjoints(seen, adjoint, region);
    for (const auto &[name, func] : stages.all()) {
      for (int update = -1; update < func.num_update_definitions(); update++) {
        Halide::Func stage = derivative(func, update);
        if (stage.defined()) stage.compute_root();
      }
    }
    Halide::Func gradient = derivative(given);
    gradient.compute_root();
    return gradient;
  }
};

}  // namespace sluice

#define SLUICE_REGISTER_DERIVED(Layer, layer) \
  HALIDE_REGISTER_GENERATOR(sluice::DerivedGenerator<Layer>, layer##_derived)
