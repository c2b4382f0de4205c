// SPDX-License-Identifier: Apache-2.0
#include "runtime/training/gradients.h"

#include <utility>

#include "runtime/input_shapes.h"
#include "runtime/tensor_layout.h"
#include "runtime/training/training_pass.h"

namespace sluice {
namespace {

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
  PassOptions wanted;
  wanted.input_gradients = true;
  for (const auto &[name, gradient] : output_gradients) wanted.seeded.push_back(name);
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const auto &[name, tensor] : inputs) shapes[name] = tensor.shape;
  first_given_input(model.graph(), inputs);  // refuses unknown names
  TrainingPass pass(model, shapes, std::move(wanted));
  pass.forward(inputs, options);
  pass.backward(output_gradients, options);
  if (options.state != nullptr) *options.state = pass.state();
  TensorMap result = std::move(pass.weight_gradients());
  for (const GraphInput &input : model.graph().inputs) {
    const auto given = inputs.find(input.name);
    if (given != inputs.end())
      result[input.name] = input_gradient(input, given->second, pass.input_gradient(input.name));
  }
  return result;
}

}  // namespace sluice
