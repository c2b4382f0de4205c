// SPDX-License-Identifier: Apache-2.0
// Random weights and inputs that fit a graph; the prepared run.
#include "bench/network.h"

#include <fmt/format.h>

#include <cmath>
#include <random>

#include "runtime/input_shapes.h"
#include "runtime/structural.h"
#include "weights_io/error.h"

namespace sluice::bench {
namespace {

constexpr double kGain = 3;  // keeps the activations of deep nets of gated layers of the order of 1
constexpr double kLargestBias = 0.1;

StoredTensor uniform(const std::vector<int64_t> &shape, double low, double high, std::mt19937 &random) {
  StoredTensor tensor = StoredTensor::of_f32(shape);
  std::uniform_real_distribution<float> value(static_cast<float>(low), static_cast<float>(high));
  for (int64_t i = 0; i < tensor.elements(); i++) tensor.f32()[i] = value(random);
  return tensor;
}

StoredTensor square_hole(const std::vector<int64_t> &shape) {
  StoredTensor tensor = StoredTensor::of_f32(shape);
  const int64_t height = shape[2], width = shape[3];
  for (int64_t i = 0; i < tensor.elements(); i++) {
    const int64_t x = i % width, y = i / width % height;
    const bool inside = x >= width / 4 && x < width - width / 4 && y >= height / 4 && y < height - height / 4;
    tensor.f32()[i] = inside ? 1.0f : 0.0f;
  }
  return tensor;
}

}  // namespace

TensorMap random_weights(const Graph &graph, const Shapes &shapes, uint32_t seed) {
  std::vector<LayerNode> layers;
  for (const Node &node : graph.nodes) {
    if (!is_structural(node.op)) layers.emplace_back(graph, node, KernelTable::linked(), "cpu");
  }
  const ExecutionPlan plan(graph, layers, padded_extents(graph, shapes), {});
  std::mt19937 random(seed);
  TensorMap weights;
  for (const PlannedStep &step : plan.steps()) {
    if (step.layer == nullptr) continue;
    for (const SchemaPort *port : step.layer->stored()) {
      const Extents extents = step.layer->parameter_extents(*port, plan.inputs_of(*step.layer)).value();
      std::vector<int64_t> shape(extents.rbegin(), extents.rend());
      const std::vector<std::string> names = weight_parts(step.layer->weight_name(*port));
      shape[0] /= static_cast<int64_t>(names.size());
      if (port->name.ends_with("_var")) {
        weights[names[0]] = uniform(shape, 0.5, 1.5, random);
        continue;
      }
      double fan_in = 1;
      for (size_t d = 1; d < shape.size(); d++) fan_in *= static_cast<double>(shape[d]);
      const double reach = shape.size() > 1 ? std::sqrt(3 * kGain / fan_in) : kLargestBias;
      for (const std::string &name : names) weights[name] = uniform(shape, -reach, reach, random);
    }
  }
  return weights;
}

TensorMap random_inputs(const Graph &graph, const Shapes &shapes, uint32_t seed) {
  std::mt19937 random(seed);
  TensorMap inputs;
  for (const GraphInput &input : graph.inputs) {
    const auto shape = shapes.find(input.name);
    if (shape == shapes.end()) continue;
    const double low = (-1 - input.offset) / input.scale, high = (1 - input.offset) / input.scale;
    const bool is_mask = shape->second.size() == 4 && shape->second[1] == 1;
    inputs[input.name] = is_mask       ? square_hole(shape->second)
                         : input.range ? StoredTensor::of_f32(shape->second)
                                       : uniform(shape->second, low, high, random);
  }
  return inputs;
}

int64_t Network::moved_bytes() const {
  int64_t bytes = model_.packed_bytes();
  for (const PlannedStep &step : plan_.steps()) {
    if (step.layer == nullptr) continue;
    for (const auto &list : {step.inputs, step.outputs}) {
      for (const int tensor : list) bytes += plan_.tensors()[static_cast<size_t>(tensor)].bytes();
    }
  }
  return bytes;
}

Network::Network(const Graph &graph, const TensorMap &weights, const TensorMap &inputs, const LoadOptions &options)
    : model_(graph, weights, options), plan_(model_.plan_for(inputs, {})) {
  arena_ = allocate_arena(plan_.arena_bytes(), graph.model);
  model_.fill_inputs(plan_, inputs, arena_.get());
}

}  // namespace sluice::bench
