// SPDX-License-Identifier: Apache-2.0
// The values of a pass lie in an arena where nothing is shared. Adjoints lie in that of a plan without training: what
// must not share memory while values are made and read in order must not while their adjoints are, in the other order.
#include "runtime/training/training_pass.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/input_shapes.h"
#include "runtime/layer_call.h"
#include "runtime/structural.h"
#include "runtime/tensor_layout.h"
#include "runtime/training/views.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

PlanOptions plan_options(const PassOptions &options, bool keep_all) {
  PlanOptions plan;
  plan.keep_all = keep_all;
  plan.keep = options.seeded;
  for (const auto &[of, at] : options.tensor_gradients) plan.keep.insert(plan.keep.end(), {of, at});
  plan.processes = options.group == nullptr ? 1 : options.group->size();
  return plan;
}

std::map<std::string, Extents> extents_of(const Model &model,
                                          const std::map<std::string, std::vector<int64_t>> &shapes) {
  return padded_extents(model.graph(), shapes);
}

}  // namespace

TrainingPass::TrainingPass(const Model &model, const std::map<std::string, std::vector<int64_t>> &shapes,
                           PassOptions options)
    : model_(model),
      options_([&] {
        const auto settle = [&](std::string &name) {
          for (const GraphOutput &output : model.graph().outputs) {
            if (output.name == name) name = output.from;
          }
        };
        for (std::string &name : options.seeded) settle(name);
        for (auto &[of, at] : options.tensor_gradients) settle(of), settle(at);
        return std::move(options);
      }()),
      values_plan_(model.plan(extents_of(model, shapes), plan_options(options_, true))),
      adjoints_plan_(model.plan(extents_of(model, shapes), plan_options(options_, false))),
      values_(allocate_arena(values_plan_.arena_bytes(), model.graph().model)),
      adjoints_(allocate_arena(adjoints_plan_.arena_bytes(), model.graph().model)) {
  for (const auto &[name, shape] : shapes) {
    const Extents &extents = values_plan_.tensors()[static_cast<size_t>(values_plan_.tensor(name))].extents;
    if (extents.size() == 4 && (shape[2] != extents[2] || shape[3] != extents[1])) {
      throw Error(ErrorCode::input_failed,
                  fmt::format("model {}, input '{}': gradients need height and width in multiples of {}, got {}",
                              model.graph().model, name, model.graph().multiple, shape_text(shape)));
    }
  }
  if (const Device *device = model.device()) {
    const std::string where = fmt::format("model {}, training", model.graph().model);
    device_values_ = std::make_unique<DeviceTensors>(*device, values_plan_, values_.get(), where);
    device_adjoints_ = std::make_unique<DeviceTensors>(*device, adjoints_plan_, adjoints_.get(), where);
    device_adjoints_->add_block(*device_values_->blocks()[0]);
  }
  std::vector<std::string> to;
  for (const GraphInput &input : model.graph().inputs) {
    if (options_.input_gradients) to.push_back(input.name);
  }
  whole_ = reach(options_.seeded, to, true);
  for (const auto &[of, at] : options_.tensor_gradients) probes_.push_back(reach({of}, {at}, false));
  make_weight_gradients();
  find_finished();
  make_data_gradients();
}

// Has the step a gradient of that input?
bool TrainingPass::passes(const PlannedStep &step, size_t input) {
  return step.layer == nullptr ||
         (step.layer->schema().has_gradient() && step.layer->schema().inputs[input].differentiable);
}

// From what is wanted forward, from what is seeded backward.
TrainingPass::Reach TrainingPass::reach(const std::vector<std::string> &from, const std::vector<std::string> &to,
                                        bool weights) const {
  const auto &steps = values_plan_.steps();
  Reach found;
  found.weights = weights;
  found.carries.assign(values_plan_.tensors().size(), 0);
  found.needed.assign(steps.size(), 0);
  std::vector<char> wants(steps.size(), 0), reaches(found.carries.size(), 0);
  const auto carries = [&](const PlannedStep &step) {
    for (size_t i = 0; i < step.inputs.size(); i++) {
      if (passes(step, i) && found.carries[static_cast<size_t>(step.inputs[i])] != 0) return true;
    }
    return false;
  };
  for (const std::string &name : to) found.carries[static_cast<size_t>(values_plan_.tensor(name))] = 1;
  for (size_t s = 0; s < steps.size(); s++) {
    if (weights && steps[s].layer != nullptr) {
      for (const SchemaPort *port : steps[s].layer->parameters())
        wants[s] = static_cast<char>(wants[s] != 0 || wants_any_part(steps[s].layer->weight_name(*port)));
    }
    if (wants[s] == 0 && !carries(steps[s])) continue;
    for (const int output : steps[s].outputs) found.carries[static_cast<size_t>(output)] = 1;
  }
  for (const std::string &name : from) reaches[static_cast<size_t>(values_plan_.tensor(name))] = 1;
  for (size_t s = steps.size(); s-- > 0;) {
    const auto reached = [&](int tensor) { return reaches[static_cast<size_t>(tensor)] != 0; };
    if (std::none_of(steps[s].outputs.begin(), steps[s].outputs.end(), reached)) continue;
    for (size_t i = 0; i < steps[s].inputs.size(); i++) {
      if (passes(steps[s], i)) reaches[static_cast<size_t>(steps[s].inputs[i])] = 1;
    }
    found.needed[s] = static_cast<char>(wants[s] != 0 || carries(steps[s]));
  }
  return found;
}

void TrainingPass::make_weight_gradients() {
  for (const LayerNode &layer : model_.layers()) {
    for (const SchemaPort *port : layer.parameters()) {
      for (const std::string &name : weight_parts(layer.weight_name(*port))) {
        const auto weight = model_.weights().find(name);
        if (weight == model_.weights().end() || !wants_weight(name)) continue;
        weight_gradients_[name] = StoredTensor::of_f32(weight->second.shape);
        written_[name] = false;
      }
    }
  }
}

// The walk goes from the last step to the first: the first that has a weight is the last to add to its gradient.
void TrainingPass::find_finished() {
  const auto &steps = values_plan_.steps();
  finished_.assign(steps.size(), {});
  std::map<std::string, bool> known;
  for (size_t s = 0; s < steps.size(); s++) {
    const LayerNode *layer = steps[s].layer;
    if (whole_.needed[s] == 0 || layer == nullptr || !layer->schema().has_gradient()) continue;
    for (const SchemaPort *port : layer->parameters()) {
      for (const std::string &name : weight_parts(layer->weight_name(*port))) {
        if (weight_gradients_.contains(name) && !std::exchange(known[name], true)) finished_[s].push_back(name);
      }
    }
  }
}

std::vector<std::string> TrainingPass::finishing_order() const {
  std::vector<std::string> order;
  for (auto step = finished_.rbegin(); step != finished_.rend(); ++step)
    order.insert(order.end(), step->begin(), step->end());
  return order;
}

bool TrainingPass::wants_any_part(const std::string &name) const {
  const std::vector<std::string> parts = weight_parts(name);
  return std::any_of(parts.begin(), parts.end(), [&](const std::string &part) { return wants_weight(part); });
}

// Of steps that are linear and whose input's gradient is wanted.
void TrainingPass::make_data_gradients() {
  int64_t bytes = 0;
  for (size_t s = 0; s < values_plan_.steps().size(); s++) {
    const PlannedStep &step = values_plan_.steps()[s];
    if (step.layer == nullptr || !is_linear(*step.layer)) continue;
    const auto wants = [&](const Reach &reach) {
      return reach.needed[s] != 0 && reach.carries[static_cast<size_t>(step.inputs[0])] != 0;
    };
    if (!wants(whole_) && std::none_of(probes_.begin(), probes_.end(), wants)) continue;
    auto made = DataGradient::make(model_, values_plan_, step);
    if (!made) continue;
    bytes = std::max(bytes, made->arena_bytes());
    data_gradients_[s] = std::move(made);
  }
  data_arena_ = allocate_arena(bytes, model_.graph().model);
}

void TrainingPass::forward(const TensorMap &inputs, const RunOptions &options) {
  first_given_input(model_.graph(), inputs);  // refuses unknown names
  model_.fill_inputs(values_plan_, inputs, values_.get());
  if (device_values_) device_values_->begin_run();
  state_.clear();
  used_state_.clear();
  RunOptions together = options;
  together.group = options_.group;
  model_.execute(values_plan_, values_.get(), together, state_, &used_state_, device_values_.get());
}

std::string TrainingPass::tensor_of(const std::string &name) const {
  for (const GraphOutput &output : model_.graph().outputs) {
    if (output.name == name) return output.from;
  }
  return name;
}

BufferView TrainingPass::value(const std::string &name) const {
  const int tensor = values_plan_.tensor(tensor_of(name));
  if (device_values_) device_values_->bring(tensor, DeviceTensors::Side::host);
  return values_plan_.view(tensor, values_.get());
}

BufferView TrainingPass::changing_value(const std::string &name) {
  BufferView view = value(name);
  if (device_values_) device_values_->wrote(values_plan_.tensor(tensor_of(name)), DeviceTensors::Side::host);
  return view;
}

std::string TrainingPass::first_non_finite_value() const {
  for (const PlannedTensor &tensor : values_plan_.tensors()) {
    if (!all_finite(value(tensor.name))) return tensor.name;
  }
  return "";
}

// ---- adjoints

bool TrainingPass::untouched_root(int tensor) const {
  return adjoints_plan_.root(tensor) == tensor && touched_[static_cast<size_t>(tensor)] == 0;
}

void TrainingPass::forget_adjoints() {
  touched_.assign(adjoints_plan_.tensors().size(), 0);
  if (device_adjoints_) device_adjoints_->forget();
}

// What is added to begins with zeros.
void TrainingPass::touch(int tensor) {
  const int whole = adjoints_plan_.root(tensor);
  if (touched_[static_cast<size_t>(whole)] != 0) return;
  touched_[static_cast<size_t>(whole)] = 1;
  const BufferView view = adjoint(whole);
  std::fill_n(static_cast<float *>(view.data), view.elements(), 0.0f);
  if (device_adjoints_) device_adjoints_->wrote(whole, DeviceTensors::Side::host);
}

BufferView TrainingPass::touched_adjoint(int tensor) {
  touch(tensor);
  return adjoint(tensor);
}

// To be added to, or read.
BufferView TrainingPass::adjoint_on_host(int tensor) {
  touch(tensor);
  if (device_adjoints_) {
    device_adjoints_->bring(tensor, DeviceTensors::Side::host);
    device_adjoints_->wrote(tensor, DeviceTensors::Side::host);
  }
  return adjoint(tensor);
}

float *TrainingPass::scratch(size_t elements) {
  if (scratch_used_ == scratch_.size()) scratch_.emplace_back();
  std::vector<float> &memory = scratch_[scratch_used_++];
  if (memory.size() < elements) memory.resize(elements);
  return memory.data();
}

// A tensor, parameter or state of the step, by port.
BufferView TrainingPass::operand(const PlannedStep &step, const std::string &name) const {
  const LayerSchema &schema = step.layer->schema();
  for (size_t i = 0; i < schema.inputs.size(); i++) {
    if (schema.inputs[i].name != name) continue;
    return i < step.inputs.size() ? values_plan_.view(step.inputs[i], values_.get()) : neutral_input(schema.inputs[i]);
  }
  const SchemaPort *port = argument_port(schema, name);
  if (port == nullptr) throw Error(ErrorCode::not_found, fmt::format("{}: no port '{}'", step.layer->where(), name));
  const auto used = used_state_.find(step.node->name);
  return model_.parameter(*step.layer, *port, used == used_state_.end() ? state_ : used->second);
}

// Adjoint of a concat: slices that live inside it are there already, copied ones take theirs.
void TrainingPass::split(const PlannedStep &step) {
  BufferView slice = adjoint_on_host(step.outputs[0]);
  for (const int input : step.inputs) {
    const BufferView part = adjoint(input);
    slice.extents = part.extents;
    if (slice.data != part.data) add_view(slice, adjoint_on_host(input));
    slice.data = static_cast<float *>(slice.data) + part.extents[0];
  }
}

void TrainingPass::walk(size_t index) {
  const PlannedStep &step = values_plan_.steps()[index];
  if (reach_->needed[index] == 0) return;
  if (step.layer != nullptr && !step.layer->schema().has_gradient()) return;
  if (step.layer != nullptr) return differentiate(index);
  if (step.node->op == "concat") return split(step);
  if (step.node->op == "all_gather") {
    return add_gathered(options_.group == nullptr ? alone() : *options_.group, adjoint_on_host(step.outputs[0]),
                        adjoint_on_host(step.inputs[0]));
  }
  if (step.node->op == "reshape") add_reshaped(adjoint_on_host(step.outputs[0]), adjoint_on_host(step.inputs[0]));
  // The adjoint of a slice lies inside that of its whole.
}

void TrainingPass::walk_back(const Reach &reach, const RunOptions &options, const Stepped &stepped) {
  reach_ = &reach;
  for (size_t s = values_plan_.steps().size(); s-- > 0;) {
    if (options.cancel != nullptr && options.cancel->load()) throw Error(ErrorCode::interrupted, "cancelled");
    walk(s);
    if (stepped) stepped(s);
  }
}

void TrainingPass::backward(const TensorMap &output_gradients, const RunOptions &options, const Finished &finished) {
  forget_adjoints();
  for (auto &[name, written] : written_) written = false;
  for (const auto &[name, gradient] : output_gradients) {
    const int tensor = adjoints_plan_.tensor(tensor_of(name));
    const Extents extents = adjoint(tensor).extents;
    const std::vector<int64_t> expected = file_shape(extents);
    if (gradient.shape != expected) {
      throw Error(ErrorCode::input_failed,
                  fmt::format("model {}: gradient of '{}': expected {}, got {}", model_.graph().model, name,
                              shape_text(expected), shape_text(gradient.shape)));
    }
    std::vector<float> dense(static_cast<size_t>(BufferView(nullptr, extents).elements()));
    const BufferView copy(dense.data(), extents);
    fill_input(GraphInput{}, gradient, copy);
    add_view(copy, adjoint_on_host(tensor));
  }
  walk_back(whole_, options, [&](size_t step) {
    for (const std::string &name : finished_[step]) {
      StoredTensor &gradient = weight_gradients_.at(name);
      if (!std::exchange(written_.at(name), true)) std::fill_n(gradient.f32(), gradient.elements(), 0.0f);
      if (finished) finished(name, gradient);
    }
  });
  for (const auto &[name, written] : written_) {
    StoredTensor &gradient = weight_gradients_.at(name);
    if (!written) std::fill_n(gradient.f32(), gradient.elements(), 0.0f);
  }
  if (!options_.input_gradients) return;
  for (const GraphInput &input : model_.graph().inputs) adjoint_on_host(adjoints_plan_.tensor(input.name));
}

BufferView TrainingPass::tensor_gradient(size_t index) {
  const auto &[of, at] = options_.tensor_gradients.at(index);
  forget_adjoints();
  const BufferView seed = adjoint_on_host(adjoints_plan_.tensor(of));
  fill_constant(1, as_picture(seed).extents[1], as_picture(seed).extents[2], seed);
  walk_back(probes_[index], {});
  return adjoint_on_host(adjoints_plan_.tensor(at));
}

BufferView TrainingPass::input_gradient(const std::string &input) const {
  return adjoints_plan_.view(adjoints_plan_.tensor(input), adjoints_.get());
}

}  // namespace sluice
