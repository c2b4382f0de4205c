// SPDX-License-Identifier: Apache-2.0
// The only generators: forward, pack, backward and update of any layer, from its one definition.
//
// A layer is a struct deriving from LayerDefaults with
//   kName, kSummary            the op's name in graphs; formula and source in one line
//   GeneratorParam members     its variants
//   inputs() parameters() outputs() attributes() variants()
//   define(context)            stages by name; the stage called like an output port is that output
//   extents(context, port)     extents of an output, packed port, saved stage or step, innermost first
// and, where it has parameters, packed() pack() unpack(); where the definition sees something else than the parameters
// of files (a weight over its norm), derive(), which makes that from them for pack and backward; where it has buffers
// that training runs change, state(), kUpdateWhen and update(), whose stage new_<port> is the new value; where tests
// look inside, steps(); RDoms are left without a name: two of one name are one to autodiff; where backward needs a
// stage that autodiff can't or shouldn't pass through, saved(): that stage is then a kernel of its own, and an input of
// backward named saved_<stage>; where most of the work is linear in the input and in parameters, kLinear, the stage
// behind it, kLinearWhen, the nodes whose output it is, and linear(), those parameters.
#pragma once
#include <memory>
#include <set>

#include "estimates.h"
#include "layer.h"
#include "range_checks.h"
#include "schedules/cpu/pack.h"
#include "schedules/plain_stages.h"

namespace sluice {

using BufferInput = Halide::GeneratorInput<Halide::Buffer<>>;
using BufferOutput = Halide::GeneratorOutput<Halide::Buffer<>>;

constexpr int kDeviceLanes = 8;  // parameters for a GPU are packed by the AVX2 pack kernels

struct LayerDefaults {
  static constexpr const char *kUpdateWhen = "";
  static constexpr const char *kLinear = "", *kLinearWhen = "";
  static constexpr bool kAnyRank = false;
  // By port, what the definition sees of it.
  std::map<std::string, std::string> linear() const { return {}; }
  std::vector<Port> parameters() const { return {}; }
  std::vector<Port> state() const { return {}; }
  std::vector<Port> packed() const { return {}; }
  std::vector<Port> saved() const { return {}; }
  std::vector<Port> steps() const { return {}; }  // stages that `stage=<name>` makes the output of a test kernel
  std::map<std::string, std::string> variants() const { return {}; }
  Stages pack(Context &) const { return {}; }
  void unpack(Context &) const {}
  void derive(Context &, Stages &) const {}
  Stages update(Context &) const { return {}; }
};

// What the three generators share: scalars, target facts, and turning buffers into operands.
template <typename Layer, typename Self>
class LayerGenerator : public Halide::Generator<Self> {
 public:
  Layer layer;
  Halide::GeneratorParam<Halide::Type> element{"element", Halide::Float(32)};
  Halide::GeneratorParam<std::string> schedule_folder{"schedule_folder", "schedules"};

 protected:
  std::map<std::string, BufferInput *> inputs_;
  std::map<std::string, BufferOutput *> outputs_;
  Context context_;

  void add_input_port(const Port &port) {
    inputs_[port.name] = this->template add_input<Halide::Buffer<>>(port.name, element.value(), dimensions(port));
  }
  void add_output_port(const std::string &name, const Port &port) {
    outputs_[name] = this->template add_output<Halide::Buffer<>>(name, element.value(), dimensions(port));
  }

  void add_scalars() {
    for (const Attribute &attribute : layer.attributes()) {
      std::set<std::string> names(attribute.parts.begin(), attribute.parts.end());
      if (names.empty()) names.insert(attribute.name);
      for (const auto &word : attribute.words) names.insert(word.second);
      for (const std::string &value : attribute.built) {
        if (value.find('+') == std::string::npos || integers_.count(attribute.name + "_kind") != 0) continue;
        integers_[attribute.name + "_kind"] = this->template add_input<int>(attribute.name + "_kind");
      }
      for (const std::string &name : names) {
        if (attribute.kind == Attribute::Kind::integer) integers_[name] = this->template add_input<int>(name);
        if (attribute.kind == Attribute::Kind::real) reals_[name] = this->template add_input<float>(name);
      }
    }
  }

  Plan start(std::vector<Port> ports, bool zero_outside_all) {
    context_.element = element.value();
    context_.device = this->get_target().has_gpu_feature();
    context_.lanes = context_.device ? kDeviceLanes : this->get_target().template natural_vector_size<float>();
    for (const auto &[name, input] : integers_) context_.add_scalar(name, *input);
    for (const auto &[name, input] : reals_) context_.add_scalar(name, Halide::cast(element.value(), *input));
    for (const Port &port : ports) context_.add(port.name, make_operand(port, *inputs_[port.name], zero_outside_all));
    Plan plan;
    for (const auto &[name, input] : integers_) plan.scalars[name] = *input;
    for (const Port &port : ports) {
      for (const auto &[axis, extent] : context_[port.name].extent) plan.extents[port.name + "." + axis] = extent;
    }
    plan.target = this->get_target();
    plan.variants = layer.variants();
    return plan;
  }

  void set_estimates(const Estimates &values, const std::vector<Port> &inputs, const std::vector<Port> &outputs) {
    values.set(inputs, inputs_);
    values.set(outputs, outputs_);
    values.set(integers_);
    values.set(reals_);
  }

  void bound_output(const std::string &name) {
    const std::vector<Halide::Expr> extents = layer.extents(context_, name);
    for (size_t d = 0; d < extents.size(); d++) outputs_[name]->dim(static_cast<int>(d)).set_bounds(0, extents[d]);
  }

 private:
  std::map<std::string, Halide::GeneratorInput<int> *> integers_;
  std::map<std::string, Halide::GeneratorInput<float> *> reals_;

  // Forward pads only where the definition reads past the picture; adjoints may reach past the edge of every axis.
  Operand make_operand(const Port &port, BufferInput &input, bool zero_outside_all) {
    Operand operand;
    Halide::Region region;
    for (int d = 0; d < dimensions(port); d++) {
      input.dim(d).set_min(0);
      const std::string &axis = port.axes[static_cast<size_t>(d)].name;
      operand.extent[axis] = input.dim(d).extent();
      const bool outside = axis == "x" || axis == "y" || (axis == "c" && port.zero_channels);
      const bool padded = zero_outside_all || (port.zero_outside && outside);
      region.push_back(padded ? Halide::Range(0, input.dim(d).extent())
                              : Halide::Range(Halide::Expr(), Halide::Expr()));
    }
    const bool pad = zero_outside_all || port.zero_outside;
    operand.stored = Halide::Func(input);
    operand.func =
        pad ? Halide::BoundaryConditions::constant_exterior(input, context_.constant(0), region) : Halide::Func(input);
    return operand;
  }
};

// Inputs: every tensor, scalars, then the packed parameters. Outputs: the layer's, or with stage=<name> one stage: a
// saved one, or an inner step for tests. Such a kernel is left plain: every stage is stored once; like backward, which
// it serves, it takes the parameters and the state of files.
template <typename Layer>
class ForwardGenerator : public LayerGenerator<Layer, ForwardGenerator<Layer>> {
 public:
  Halide::GeneratorParam<std::string> stage{"stage", ""};
  Halide::GeneratorParam<std::string> estimates{"estimates", ""};  // for an autoscheduler, "input.c:48,dilation_x:1"

  void configure() {
    for (const Port &port : this->layer.inputs()) this->add_input_port(port);
    this->add_scalars();
    for (const Port &port : given_parameters()) this->add_input_port(port);
    for (const Port &port : output_ports()) this->add_output_port(port.name, port);
  }

  void generate() {
    const std::string probe = stage.value();
    Plan plan = this->start(joined(this->layer.inputs(), given_parameters()), false);
    Stages derived;
    if (probe.empty()) {
      bound_packed();
    } else {
      this->layer.derive(this->context_, derived);
    }
    plan.stages = this->layer.define(this->context_);
    if (!probe.empty()) {
      store_plainly(plan.stages.all(), this->context_.device);
      store_plainly(derived.all(), this->context_.device);
    }
    for (const Port &port : output_ports()) {
      if (probe.empty()) {
        *this->outputs_[port.name] = plan.stages[port.name];
      } else {
        Halide::Func copy("probe");
        copy(Halide::_) = plan.stages[port.name](Halide::_);
        store_plainly({{port.name, copy}}, this->context_.device);
        *this->outputs_[port.name] = copy;
      }
      this->bound_output(port.name);
    }
    if (this->using_autoscheduler()) {
      this->set_estimates(Estimates(estimates), joined(this->layer.inputs(), given_parameters()), output_ports());
    } else if (probe.empty()) {
      apply_schedule(Layer::kName, "forward", plan, this->schedule_folder);
    }
  }

 private:
  std::vector<Port> given_parameters() const {
    return stage.value().empty() ? this->layer.packed() : joined(this->layer.parameters(), this->layer.state());
  }
  std::vector<Port> output_ports() const {
    if (stage.value().empty()) return this->layer.outputs();
    for (const std::vector<Port> &list : {this->layer.saved(), this->layer.steps()}) {
      for (const Port &port : list) {
        if (port.name == stage.value()) return {port};
      }
    }
    throw std::runtime_error("no step '" + stage.value() + "' in layer " + Layer::kName);
  }
  void bound_packed() {
    this->layer.unpack(this->context_);
    for (const Port &port : this->layer.packed()) {
      Halide::Expr stride = 1;  // of the leading dimensions whose extents the layout fixes
      for (int d = 0; d < dimensions(port); d++) {
        const std::string &extent = port.axes[static_cast<size_t>(d)].extent;
        if (extent.empty()) break;
        const int fixed = extent == "lanes" ? this->context_.lanes : std::stoi(extent);
        this->inputs_[port.name]->dim(d).set_bounds(0, fixed).set_stride(stride);
        stride = Halide::Internal::simplify(stride * fixed);
      }
    }
  }
};

// Inputs: scalars, the parameters and the state of files; outputs: the packed parameters. Runs when weights are loaded.
template <typename Layer>
class PackGenerator : public LayerGenerator<Layer, PackGenerator<Layer>> {
 public:
  void configure() {
    this->add_scalars();
    for (const Port &port : joined(this->layer.parameters(), this->layer.state())) this->add_input_port(port);
    for (const Port &port : this->layer.packed()) this->add_output_port(port.name, port);
  }

  void generate() {
    Plan plan = this->start(joined(this->layer.parameters(), this->layer.state()), true);
    Stages derived;
    this->layer.derive(this->context_, derived);
    for (const auto &entry : derived.all()) Halide::Func(entry.second).compute_root();
    plan.stages = this->layer.pack(this->context_);
    std::map<std::string, Halide::Func> between = plan.stages.all();
    for (const Port &port : this->layer.packed()) between.erase(port.name);
    for (const Port &port : this->layer.packed()) {
      Halide::Func packed = plan.stages[port.name];
      schedule_packed(packed, port, this->layer.extents(this->context_, port.name), between, this->context_.lanes);
      *this->outputs_[port.name] = packed;
      this->bound_output(port.name);
    }
  }
};

// Inputs: every tensor and scalar of the forward kernel, the parameters and the state of files, the new value of which
// is new_<port>. Runs before forward in training, where the layer's condition holds.
template <typename Layer>
class UpdateGenerator : public LayerGenerator<Layer, UpdateGenerator<Layer>> {
 public:
  void configure() {
    for (const Port &port : this->layer.inputs()) this->add_input_port(port);
    this->add_scalars();
    for (const Port &port : joined(this->layer.parameters(), this->layer.state())) this->add_input_port(port);
    for (const Port &port : this->layer.state()) this->add_output_port("new_" + port.name, port);
  }

  void generate() {
    const std::vector<Port> files = joined(this->layer.parameters(), this->layer.state());
    Plan plan = this->start(joined(this->layer.inputs(), files), true);
    plan.stages = this->layer.update(this->context_);
    for (const auto &entry : plan.stages.all()) Halide::Func(entry.second).compute_root();
    for (const Port &port : this->layer.state()) {
      const std::string name = "new_" + port.name;
      Halide::Func copy(name);
      copy(Halide::_) = plan.stages[name](Halide::_);
      *this->outputs_[name] = copy;
      for (int d = 0; d < dimensions(port); d++) {
        this->outputs_[name]->dim(d).set_bounds(0, this->inputs_[port.name]->dim(d).extent());
      }
    }
  }
};

// Inputs: every tensor, scalar, parameter and state of the forward kernel, then grad_<output>. Outputs: grad_<port> of
// every differentiable port, with that port's shape. Derived by propagate_adjoints from the layer's definition. With
// part=linear: of the stage kLinear, whose gradient grad_<output> then is, with respect to the parameters of linear().
template <typename Layer>
class BackwardGenerator : public LayerGenerator<Layer, BackwardGenerator<Layer>> {
 public:
  Halide::GeneratorParam<std::string> part{"part", ""};

  void configure() {
    for (const Port &port : this->layer.inputs()) this->add_input_port(port);
    this->add_scalars();
    for (const Port &port : joined(this->layer.parameters(), this->layer.state())) this->add_input_port(port);
    for (const Port &port : prefixed("saved_", this->layer.saved())) this->add_input_port(port);
    this->add_input_port(prefixed("grad_", {this->layer.outputs()[0]})[0]);
    for (const Port &port : differentiable()) this->add_output_port("grad_" + port.name, port);
  }

  void generate() {
    std::vector<Port> ports = this->layer.inputs();
    for (const std::vector<Port> &list :
         {this->layer.parameters(), this->layer.state(), prefixed("saved_", this->layer.saved())}) {
      ports.insert(ports.end(), list.begin(), list.end());
    }
    Plan plan = this->start(ports, true);
    this->context_.backward = true;
    std::map<std::string, Halide::Func> given;  // as autodiff knows them; derive() may put others in their place
    for (const Port &port : differentiable()) given[port.name] = this->context_[port.name].func;
    Stages derived;
    this->layer.derive(this->context_, derived);
    plan.stages = this->layer.define(this->context_);
    for (const auto &[name, func] : derived.all()) plan.stages.add(name, func);
    const Halide::Derivative derivative = differentiate(plan);
    for (const auto &[name, func] : plan.stages.all()) {
      // One of every definition: an update's that is left unscheduled would be computed anew wherever it is read.
      for (int update = -1; update < func.num_update_definitions(); update++) {
        const Halide::Func adjoint = derivative(func, update);
        const std::string number = update < 0 ? "" : "_" + std::to_string(update);
        if (is_linear() && adjoint.defined()) RangeChecks::drop(adjoint);
        if (adjoint.defined()) plan.gradients.add("adjoint_" + name + number, adjoint);
      }
    }
    for (const Port &port : differentiable()) {
      const std::string name = "grad_" + port.name;
      const Halide::Func of =
          is_linear() ? this->context_[this->layer.linear().at(port.name)].func : given.at(port.name);
      const Halide::Func gradient = derivative(of);
      plan.gradients.add(name, gradient);
      // A gradient with updates may have its own order in memory, and places beyond the port that terms are added to.
      Halide::Func stored = gradient;
      if (gradient.has_update_definition()) {
        stored = Halide::Func(name);
        stored(Halide::_) = gradient(Halide::_);
        plan.gradients.add("stored_" + port.name, stored);
      }
      *this->outputs_[name] = stored;
      for (int d = 0; d < dimensions(port); d++)
        this->outputs_[name]->dim(d).set_bounds(0, gradient_extent(port, static_cast<size_t>(d)));
    }
    plan.variants["part"] = part;
    apply_schedule(Layer::kName, "backward", plan, this->schedule_folder);
  }

 private:
  static std::vector<Port> prefixed(const std::string &prefix, std::vector<Port> ports) {
    for (Port &port : ports) port.name = prefix + port.name;
    return ports;
  }

  bool is_linear() const { return part.value() == "linear"; }

  // Of the linear part a channel of the input that a weight has is the input's: what is asked of one is then known of
  // the other.
  Halide::Expr gradient_extent(const Port &port, size_t d) {
    const bool of_input = is_linear() && port.axes[d].extent.rfind("input.c", 0) == 0;
    return of_input ? this->inputs_.at("input")->dim(0).extent()
                    : this->inputs_.at(port.name)->dim(static_cast<int>(d)).extent();
  }

  std::vector<Port> differentiable() const {
    std::vector<Port> ports;
    for (const std::vector<Port> &list : {this->layer.inputs(), this->layer.parameters()}) {
      for (const Port &port : list) {
        if (is_linear() && this->layer.linear().count(port.name) == 0) continue;
        if (port.differentiable) ports.push_back(port);
      }
    }
    return ports;
  }

  Halide::Derivative differentiate(Plan &plan) {
    const std::vector<Port> outputs = this->layer.outputs();
    for (size_t i = 1; i < outputs.size(); i++) {
      if (outputs[i].differentiable) throw std::runtime_error("only the first output of a layer has a gradient");
    }
    BufferInput &grad_output = *this->inputs_["grad_" + outputs[0].name];
    const Halide::Func adjoint = Halide::BoundaryConditions::constant_exterior(grad_output, this->context_.constant(0));
    // {min, extent - 1}: propagate_adjoints takes the second number for the maximum.
    Halide::Region region;
    const std::vector<Halide::Expr> extents = this->layer.extents(this->context_, outputs[0].name);
    for (int d = 0; d < grad_output.dimensions(); d++) {
      grad_output.dim(d).set_bounds(0, extents[static_cast<size_t>(d)]);
      region.emplace_back(0, grad_output.dim(d).extent() - 1);
    }
    return Halide::propagate_adjoints(plan.stages[is_linear() ? Layer::kLinear : outputs[0].name], adjoint, region);
  }
};

template <typename Layer>
std::string describe_layer() {
  const Layer layer;
  return describe({Layer::kName, Layer::kSummary, layer.inputs(), layer.parameters(), constants(layer.state()),
                   layer.outputs(), layer.attributes(), Layer::kUpdateWhen, Layer::kLinearWhen, Layer::kAnyRank});
}

}  // namespace sluice

#define SLUICE_REGISTER_LAYER(Layer, layer)                                     \
  HALIDE_REGISTER_GENERATOR(sluice::ForwardGenerator<Layer>, layer##_forward)   \
  HALIDE_REGISTER_GENERATOR(sluice::PackGenerator<Layer>, layer##_pack)         \
  HALIDE_REGISTER_GENERATOR(sluice::BackwardGenerator<Layer>, layer##_backward) \
  HALIDE_REGISTER_GENERATOR(sluice::UpdateGenerator<Layer>, layer##_update)     \
  static const sluice::RegisterDescription register_##layer##_description(#layer, sluice::describe_layer<Layer>);
