// SPDX-License-Identifier: Apache-2.0
#include "runtime/training/data_gradient.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "runtime/device_tensors.h"
#include "runtime/graph_composites.h"
#include "runtime/graph_file.h"

namespace sluice {
namespace {

constexpr const char *kWeight = "node.weight";

const Extents &extents_of(const ExecutionPlan &plan, int tensor) {
  return plan.tensors()[static_cast<size_t>(tensor)].extents;
}

// The network of one node, in the attributes that both ops have.
std::string graph_text(const Node &node, const std::string &op, const std::set<std::string> &attributes,
                       const Extents &input, const Extents &output) {
  const std::vector<int64_t> shape{output[3], output[0], output[2], output[1]};
  std::string text = fmt::format("model data_gradient\ninput gradient [{}]\n{} node from gradient to result",
                                 fmt::join(shape, " "), op);
  for (const auto &[key, value] : node.attributes) {
    if (attributes.count(key) != 0) text += fmt::format(" {}={}", key, value.text());
  }
  return text + fmt::format(" height={} width={} weights=node.\noutput result\n", input[2], input[1]);
}

}  // namespace

std::unique_ptr<DataGradient> DataGradient::make(const Model &model, const ExecutionPlan &plan,
                                                 const PlannedStep &step) {
  const LayerNode &layer = *step.layer;
  const std::string op = layer.node().op + "_data_gradient";
  LoadOptions options = model.device_options();
  options.table = &layer.table();
  const GraphComposites composites(&options.table->composites(), options.mode);
  const Extents &input = extents_of(plan, step.inputs[0]), &output = extents_of(plan, step.outputs[0]);
  Node node = layer.node();
  node.op = op;
  if (input.size() != 4 || output.size() != 4 || composites.find(node).definition == nullptr) return nullptr;
  const auto parameters = layer.parameters();
  const auto weight =
      std::find_if(parameters.begin(), parameters.end(), [](const SchemaPort *port) { return port->name == "weight"; });
  if (weight == parameters.end()) return nullptr;
  const auto extents = layer.parameter_extents(**weight, plan.inputs_of(layer));
  if (!extents) return nullptr;
  const std::string text = graph_text(layer.node(), op, composites.attributes(op), input, output);
  TensorMap weights;
  weights[kWeight] = StoredTensor::of_f32({extents->rbegin(), extents->rend()});
  return std::unique_ptr<DataGradient>(new DataGradient(parse_graph(text, layer.where(), parse_options(options)),
                                                        std::move(weights), options, {{"gradient", output}}));
}

void DataGradient::run(const BufferView &weight, const BufferView &gradient, const BufferView &result, float *arena,
                       const std::vector<const DeviceBlock *> &blocks) {
  model_.replace_weights({{kWeight, StoredTensor::of_f32({weight.extents.rbegin(), weight.extents.rend()},
                                                         static_cast<const float *>(weight.data))}});
  plan_.bind("gradient", gradient);
  plan_.bind("result", result);
  std::optional<DeviceTensors> tensors;
  if (model_.device() != nullptr) {
    tensors.emplace(*model_.device(), plan_, arena, "model " + model_.graph().model);
    for (const DeviceBlock *block : blocks) tensors->add_block(*block);
  }
  TensorMap state;
  model_.execute(plan_, arena, {}, state, nullptr, tensors ? &*tensors : nullptr);
}

}  // namespace sluice
