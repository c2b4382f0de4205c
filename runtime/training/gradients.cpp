// SPDX-License-Identifier: Apache-2.0
// Values and adjoints lie in two arenas of one plan, so a slice of a joined tensor has its gradient where its reader
// put it.
#include "runtime/training/gradients.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/input_shapes.h"
#include "runtime/layer_call.h"
#include "runtime/structural.h"
#include "runtime/tensor_layout.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr std::string_view kGradient = "grad_", kSaved = "saved_";

void add_view(const BufferView &source, const BufferView &target) {
  const BufferView from = as_picture(source), to = as_picture(target);
  const auto at = [](const BufferView &view, int64_t x, int64_t y, int64_t n) {
    return static_cast<float *>(view.data) + x * view.strides[1] + y * view.strides[2] + n * view.strides[3];
  };
  for (int64_t n = 0; n < from.extents[3]; n++) {
    for (int64_t y = 0; y < from.extents[2]; y++) {
      for (int64_t x = 0; x < from.extents[1]; x++) {
        const float *row = at(from, x, y, n);
        float *sum = at(to, x, y, n);
        for (int64_t c = 0; c < from.extents[0]; c++) sum[c] += row[c];
      }
    }
  }
}

class BackwardWalk {
 public:
  BackwardWalk(const Model &model, const ExecutionPlan &plan, float *values, float *adjoints, const TensorMap &state)
      : model_(model), plan_(plan), values_(values), adjoints_(adjoints), state_(state) {}

  void step(const PlannedStep &step) {
    if (step.layer != nullptr) return differentiate(step);
    if (step.node->op == "concat") return split(step);
    if (step.node->op == "reshape")
      add_reshaped(plan_.view(step.outputs[0], adjoints_), plan_.view(step.inputs[0], adjoints_));
    // The adjoint of a slice lies inside that of its whole.
  }
  TensorMap take_weight_gradients() { return std::move(weight_gradients_); }

 private:
  // Adjoint of a concat: slices that live inside it are there already, copied ones take theirs.
  void split(const PlannedStep &step) {
    BufferView slice = plan_.view(step.outputs[0], adjoints_);
    for (const int input : step.inputs) {
      const BufferView adjoint = plan_.view(input, adjoints_);
      slice.extents = adjoint.extents;
      if (slice.data != adjoint.data) add_view(slice, adjoint);
      slice.data = static_cast<float *>(slice.data) + adjoint.extents[0];
    }
  }

  struct Stored {
    std::vector<float> values;
    BufferView view;
    Stored() = default;
    explicit Stored(const Extents &extents)
        : values(static_cast<size_t>(BufferView(nullptr, extents).elements())), view(values.data(), extents) {}
  };

  void differentiate(const PlannedStep &step) {
    const LayerNode &layer = *step.layer;
    if (!layer.schema().has_gradient()) return;
    const std::string seed = std::string(kGradient) + layer.schema().outputs[0].name;
    std::map<std::string, Stored> made, saved;
    call_layer(layer, layer.kernel("backward"), [&](const std::string &argument, int64_t group) {
      if (argument == seed) return plan_.view(step.outputs[0], adjoints_);
      if (argument.starts_with(kSaved)) {
        return recompute(step, argument.substr(kSaved.size()), group, saved[fmt::format("{} {}", argument, group)]);
      }
      if (!argument.starts_with(kGradient)) return operand(step, argument);
      const std::string port = argument.substr(kGradient.size());
      Stored &gradient = made[port];
      if (gradient.values.empty()) {
        gradient = Stored(operand(step, port).extents);
        gradient.view.data = gradient.values.data();
      }
      return gradient.view;
    });
    for (const auto &[port, gradient] : made) deliver(step, port, gradient.view);
  }

  // A tensor, parameter or state of the step, by port.
  BufferView operand(const PlannedStep &step, const std::string &name) const {
    const LayerSchema &schema = step.layer->schema();
    for (size_t i = 0; i < schema.inputs.size(); i++) {
      if (schema.inputs[i].name != name) continue;
      return i < step.inputs.size() ? plan_.view(step.inputs[i], values_) : neutral_input(schema.inputs[i]);
    }
    const SchemaPort *port = argument_port(schema, name);
    if (port == nullptr) throw Error(ErrorCode::not_found, fmt::format("{}: no port '{}'", step.layer->where(), name));
    return model_.parameter(*step.layer, *port, state_);
  }

  BufferView recompute(const PlannedStep &step, const std::string &stage, int64_t group, Stored &saved) const {
    const LayerNode &layer = *step.layer;
    return make_saved(
        layer, layer.kernel("saved", {{"stage", stage}}), stage, group,
        [&](const std::string &argument, int64_t) { return operand(step, argument); },
        [&](const Extents &extents) {
          saved = Stored(extents);
          saved.view.data = saved.values.data();
          return saved.view;
        });
  }

  void deliver(const PlannedStep &step, const std::string &port, const BufferView &gradient) {
    const LayerSchema &schema = step.layer->schema();
    for (size_t i = 0; i < schema.inputs.size(); i++) {
      if (schema.inputs[i].name != port) continue;
      if (i < step.inputs.size()) add_view(gradient, plan_.view(step.inputs[i], adjoints_));
      return;
    }
    for (const SchemaPort *parameter : step.layer->parameters()) {
      if (parameter->name != port) continue;
      const std::string name = step.layer->weight_name(*parameter);
      const StoredTensor one =
          StoredTensor::of_f32(model_.weights().at(name).shape, static_cast<const float *>(gradient.data));
      const auto [sum, first] = weight_gradients_.emplace(name, one);
      if (first) continue;
      for (int64_t i = 0; i < one.elements(); i++) sum->second.f32()[i] += one.f32()[i];  // shared by several nodes
    }
  }

  const Model &model_;
  const ExecutionPlan &plan_;
  float *values_, *adjoints_;
  const TensorMap &state_;
  TensorMap weight_gradients_;
};

void seed_adjoints(const Model &model, const ExecutionPlan &plan, const TensorMap &output_gradients, float *adjoints) {
  for (const auto &[name, gradient] : output_gradients) {
    std::string tensor = name;
    for (const GraphOutput &output : model.graph().outputs) {
      if (output.name == name) tensor = output.from;
    }
    const BufferView view = plan.view(plan.tensor(tensor), adjoints);
    const std::vector<int64_t> expected = file_shape(view.extents);
    if (gradient.shape != expected) {
      throw Error(ErrorCode::input_failed,
                  fmt::format("model {}: gradient of '{}': expected {}, got {}", model.graph().model, name,
                              shape_text(expected), shape_text(gradient.shape)));
    }
    std::vector<float> dense(static_cast<size_t>(view.elements()));
    const BufferView copy(dense.data(), view.extents);
    fill_input(GraphInput{}, gradient, copy);
    add_view(copy, view);
  }
}

// A given tensor of batch 1 served the whole batch: its gradient is the sum.
StoredTensor input_gradient(const GraphInput &input, const StoredTensor &given, const BufferView &adjoint) {
  const StoredTensor whole = read_output(adjoint);
  StoredTensor gradient = StoredTensor::of_f32(given.shape);
  const size_t size = static_cast<size_t>(gradient.elements());
  for (size_t i = 0; i < static_cast<size_t>(whole.elements()); i++)
    gradient.f32()[i % size] += whole.f32()[i] * input.scale;
  return gradient;
}

}  // namespace

void register_training() {
  static const bool once = [] {
    register_training_kernels(KernelTable::linked());
    return true;
  }();
  (void)once;
}

TensorMap gradients(const Model &model, const TensorMap &inputs, const TensorMap &output_gradients,
                    const RunOptions &options) {
  first_given_input(model.graph(), inputs);  // refuses unknown names
  PlanOptions keep_all;
  keep_all.keep_all = true;
  const ExecutionPlan plan = model.plan_for(inputs, keep_all);
  std::vector<float> values(static_cast<size_t>(plan.arena_bytes()) / sizeof(float)), adjoints(values.size());
  for (const auto &[name, tensor] : inputs) {
    const Extents &extents = plan.tensors()[static_cast<size_t>(plan.tensor(name))].extents;
    if (extents.size() == 4 && (tensor.shape[2] != extents[2] || tensor.shape[3] != extents[1])) {
      throw Error(ErrorCode::input_failed,
                  fmt::format("model {}, input '{}': gradients need height and width in multiples of {}, got {}",
                              model.graph().model, name, model.graph().multiple, shape_text(tensor.shape)));
    }
  }
  model.fill_inputs(plan, inputs, values.data());
  TensorMap state;
  model.execute(plan, values.data(), options, state);
  seed_adjoints(model, plan, output_gradients, adjoints.data());
  BackwardWalk walk(model, plan, values.data(), adjoints.data(), state);
  for (auto step = plan.steps().rbegin(); step != plan.steps().rend(); ++step) {
    if (options.cancel != nullptr && options.cancel->load()) throw Error(ErrorCode::interrupted, "cancelled");
    walk.step(*step);
  }
  if (options.state != nullptr) *options.state = state;
  TensorMap result = walk.take_weight_gradients();
  for (const GraphInput &input : model.graph().inputs) {
    const auto given = inputs.find(input.name);
    if (given == inputs.end()) continue;
    result[input.name] = input_gradient(input, given->second, plan.view(plan.tensor(input.name), adjoints.data()));
  }
  return result;
}

}  // namespace sluice
