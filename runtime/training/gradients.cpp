// SPDX-License-Identifier: Apache-2.0
// Values and adjoints lie in two arenas of one plan, so a slice of a joined tensor has its gradient where its reader
// put it.
#include "runtime/training/gradients.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/input_shapes.h"
#include "runtime/tensor_layout.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr std::string_view kGradient = "grad_", kSaved = "saved_";

float *at(const BufferView &view, int64_t x, int64_t y, int64_t n) {
  return static_cast<float *>(view.data) + x * view.strides[1] + y * view.strides[2] + n * view.strides[3];
}

void add_view(const BufferView &from, const BufferView &to) {
  for (int64_t n = 0; n < from.extents[3]; n++) {
    for (int64_t y = 0; y < from.extents[2]; y++) {
      for (int64_t x = 0; x < from.extents[1]; x++) {
        const float *source = at(from, x, y, n);
        float *target = at(to, x, y, n);
        for (int64_t c = 0; c < from.extents[0]; c++) target[c] += source[c];
      }
    }
  }
}

class BackwardWalk {
 public:
  BackwardWalk(const Model &model, const ExecutionPlan &plan, float *values, float *adjoints)
      : model_(model), plan_(plan), values_(values), adjoints_(adjoints) {}

  void step(const PlannedStep &step) {
    if (step.layer == nullptr) {
      split(step);
    } else {
      differentiate(step);
    }
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

  void differentiate(const PlannedStep &step) {
    const LayerNode &layer = *step.layer;
    KernelCall call(layer.kernel("backward"), layer.where());
    std::map<std::string, std::vector<float>> storage;
    bind_operands(step, call);
    call.bind(std::string(kGradient) + layer.schema().outputs[0].name, plan_.view(step.outputs[0], adjoints_));
    for (const std::string &name : call.inputs()) {
      if (name.starts_with(kSaved)) recompute(step, name.substr(kSaved.size()), call, storage[name]);
    }
    std::map<std::string, BufferView> made;
    for (const std::string &name : call.outputs()) {
      const BufferView like = operand(step, name.substr(kGradient.size()));
      storage[name].resize(static_cast<size_t>(like.elements()));
      made[name] = BufferView(storage[name].data(), like.extents);
      call.bind(name, made[name]);
    }
    call.run();
    for (const auto &[name, view] : made) deliver(step, name.substr(kGradient.size()), view);
  }

  // A tensor or plain parameter of the step, by port.
  BufferView operand(const PlannedStep &step, const std::string &port) const {
    const LayerSchema &schema = step.layer->schema();
    for (size_t i = 0; i < schema.inputs.size(); i++) {
      if (schema.inputs[i].name == port) return plan_.view(step.inputs[i], values_);
    }
    for (const SchemaPort &parameter : schema.parameters) {
      if (parameter.name == port) return model_.parameter(*step.layer, parameter);
    }
    throw Error(ErrorCode::not_found, fmt::format("{}: no port '{}'", step.layer->where(), port));
  }

  void bind_operands(const PlannedStep &step, KernelCall &call) const {
    for (const SchemaPort &port : step.layer->schema().inputs) call.bind(port.name, operand(step, port.name));
    for (const SchemaPort &port : step.layer->schema().parameters) call.bind(port.name, operand(step, port.name));
    step.layer->bind_scalars(call);
  }

  void recompute(const PlannedStep &step, const std::string &stage, KernelCall &backward,
                 std::vector<float> &storage) const {
    const LayerNode &layer = *step.layer;
    KernelCall call(layer.kernel("saved", {{"stage", stage}}), layer.where());
    for (const SchemaPort &port : layer.schema().inputs) call.bind(port.name, operand(step, port.name));
    layer.bind_scalars(call);
    const Extents extents = call.query().at(stage);
    const BufferView whole(nullptr, extents);
    storage.resize(static_cast<size_t>(whole.elements()));
    const BufferView view(storage.data(), extents);
    call.bind(stage, view);
    call.run();
    backward.bind(std::string(kSaved) + stage, view);
  }

  void deliver(const PlannedStep &step, const std::string &port, const BufferView &gradient) {
    const LayerSchema &schema = step.layer->schema();
    for (size_t i = 0; i < schema.inputs.size(); i++) {
      if (schema.inputs[i].name == port) return add_view(gradient, plan_.view(step.inputs[i], adjoints_));
    }
    for (const SchemaPort *parameter : step.layer->parameters()) {
      if (parameter->name != port) continue;
      const std::vector<int64_t> shape(gradient.extents.rbegin(), gradient.extents.rend());
      weight_gradients_[step.layer->weight_name(*parameter)] =
          StoredTensor::of_f32(shape, static_cast<const float *>(gradient.data));
    }
  }

  const Model &model_;
  const ExecutionPlan &plan_;
  float *values_, *adjoints_;
  TensorMap weight_gradients_;
};

void seed_adjoints(const Model &model, const ExecutionPlan &plan, const TensorMap &output_gradients, float *adjoints) {
  for (const auto &[name, gradient] : output_gradients) {
    std::string tensor = name;
    for (const GraphOutput &output : model.graph().outputs) {
      if (output.name == name) tensor = output.from;
    }
    const BufferView view = plan.view(plan.tensor(tensor), adjoints);
    const std::vector<int64_t> expected{view.extents[3], view.extents[0], view.extents[2], view.extents[1]};
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
  StoredTensor whole = read_output(adjoint, adjoint.extents[1], adjoint.extents[2]);
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
    if (tensor.shape[2] != extents[2] || tensor.shape[3] != extents[1]) {
      throw Error(ErrorCode::input_failed,
                  fmt::format("model {}, input '{}': gradients need height and width in multiples of {}, got {}",
                              model.graph().model, name, model.graph().multiple, shape_text(tensor.shape)));
    }
  }
  model.fill_inputs(plan, inputs, values.data());
  model.execute(plan, values.data(), options);
  seed_adjoints(model, plan, output_gradients, adjoints.data());
  BackwardWalk walk(model, plan, values.data(), adjoints.data());
  for (auto step = plan.steps().rbegin(); step != plan.steps().rend(); ++step) {
    if (options.cancel != nullptr && options.cancel->load()) throw Error(ErrorCode::interrupted, "cancelled");
    walk.step(*step);
  }
  TensorMap result = walk.take_weight_gradients();
  for (const GraphInput &input : model.graph().inputs) {
    const auto given = inputs.find(input.name);
    if (given == inputs.end()) continue;
    result[input.name] = input_gradient(input, given->second, plan.view(plan.tensor(input.name), adjoints.data()));
  }
  return result;
}

}  // namespace sluice
