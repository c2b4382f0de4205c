// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/start_weights.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/execution_plan.h"
#include "runtime/input_shapes.h"
#include "runtime/layer_call.h"
#include "runtime/structural.h"
#include "runtime/training/initialisation.h"
#include "weights_io/error.h"
#include "weights_io/safetensors.h"

namespace sluice {
namespace {

// The data's tensor that stands for a network's input: that of its name, else the first of as many dimensions.
const DataTensor *nominal_tensor(const GraphInput &input, const std::vector<DataTensor> &tensors) {
  const auto named = [&](const DataTensor &tensor) { return tensor.name == input.name; };
  const auto alike = [&](const DataTensor &tensor) { return tensor.shape.size() + 1 == input.shape.size(); };
  auto found = std::find_if(tensors.begin(), tensors.end(), [&](const auto &t) { return named(t) && alike(t); });
  if (found == tensors.end()) found = std::find_if(tensors.begin(), tensors.end(), alike);
  return found == tensors.end() ? nullptr : &*found;
}

// What the graph's inputs are when they are samples of the recipe.
std::map<std::string, std::vector<int64_t>> nominal_shapes(const Graph &graph, const RecipeData &data) {
  const std::vector<DataTensor> tensors = data.kind ? data.kind->tensors() : std::vector<DataTensor>();
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const GraphInput &input : graph.inputs) {
    const DataTensor *tensor = nominal_tensor(input, tensors);
    std::vector<int64_t> &shape = shapes[input.name];
    for (size_t d = 0; d < input.shape.size(); d++) {
      const int64_t side = d + 1 == input.shape.size() ? data.width : data.height;
      const int64_t open = d == 0 ? 1 : tensor != nullptr ? tensor->shape[d - 1] : side;
      shape.push_back(input.shape[d].symbol.empty() ? input.shape[d].extent : open);
    }
  }
  return shapes;
}

std::string activation_of(const Node &node) {
  const auto said = node.attributes.find("activation");
  return said == node.attributes.end() ? "none" : said->second.text();
}

bool is_spectral_vector(const std::string &port) { return port.ends_with("_u") || port.ends_with("_v"); }

StoredTensor start_tensor(const LayerNode &layer, const SchemaPort &port, const Extents &extents,
                          const RecipeNetwork &network, uint64_t seed) {
  const std::vector<int64_t> shape(extents.rbegin(), extents.rend());
  StoredTensor tensor = StoredTensor::of_f32(shape);
  const std::span<float> values(tensor.f32(), static_cast<size_t>(tensor.elements()));
  const uint64_t stream = stream_of(network.name + "." + layer.weight_name(port));
  if (is_spectral_vector(port.name)) {
    fill_random(values, Distribution::normal, 1, seed, stream);
  } else if (shape.size() < 2) {
    std::fill(values.begin(), values.end(), port.neutral);
  } else {
    const Fan fan = fan_of(shape);
    const double variance = network.initial == "glorot" ? glorot_variance(fan)
                            : network.initial == "guidenet"
                                ? guidenet_variance(fan.in)
                                : kaiming_variance(fan.in, squared_gain(activation_of(layer.node())));
    fill_random(values, Distribution::uniform, variance * network.gain * network.gain, seed, stream);
  }
  return tensor;
}

// From a file: all there, and nothing else.
void take_weights(NetworkWeights &weights, const RecipeNetwork &network, const std::filesystem::path &file) {
  TensorMap given = read_safetensors(file).tensors;
  std::string wrong;
  for (TensorMap *part : {&weights.parameters, &weights.state}) {
    for (auto &[name, tensor] : *part) {
      const auto found = given.find(name);
      const bool fits = found != given.end() && found->second.elements() == tensor.elements();
      if (fits) {
        const StoredTensor numbers = to_f32(found->second);
        tensor.bytes = numbers.bytes;
      } else {
        wrong += fmt::format(" {} (expected {}, got {})", name, shape_text(tensor.shape),
                             found == given.end() ? "nothing" : shape_text(found->second.shape));
      }
      if (found != given.end()) given.erase(found);
    }
  }
  for (const auto &[name, tensor] : given) wrong += " " + name + " (unexpected)";
  if (!wrong.empty()) {
    throw Error(ErrorCode::bad_file,
                fmt::format("{}: the weights do not fit network {}:{}", file.string(), network.name, wrong));
  }
}

}  // namespace

NetworkWeights start_weights(const Graph &graph, const RecipeNetwork &network, const RecipeData &data, uint64_t seed,
                             const std::filesystem::path &file) {
  std::vector<LayerNode> layers;
  for (const Node &node : graph.nodes) {
    if (!is_structural(node.op)) layers.emplace_back(graph, node, KernelTable::linked(), "cpu");
  }
  const ExecutionPlan plan(graph, layers, padded_extents(graph, nominal_shapes(graph, data)), {});
  NetworkWeights weights;
  for (const LayerNode &layer : layers) {
    const auto extents = parameter_extents(layer, plan.inputs_of(layer));
    const std::vector<const SchemaPort *> parameters = layer.parameters();
    for (const SchemaPort *port : layer.stored()) {
      const bool learns = std::find(parameters.begin(), parameters.end(), port) != parameters.end();
      TensorMap &part = learns ? weights.parameters : weights.state;
      part.emplace(layer.weight_name(*port), start_tensor(layer, *port, extents.at(port->name), network, seed));
    }
  }
  if (!file.empty()) take_weights(weights, network, file);
  return weights;
}

}  // namespace sluice
