// SPDX-License-Identifier: Apache-2.0
// Gates of layers as graphs of one op, gates of classes as the part of the graph that makes them.
#include "runtime/tasks/gates.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "runtime/graph_file.h"
#include "runtime/input_shapes.h"
#include "runtime/structural.h"
#include "runtime/tasks/picture_tensor.h"
#include "runtime/tasks/task_ports.h"
#include "runtime/tensor_layout.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr const char *kGate = "gate", *kLabel = "label", *kNoise = "z";
constexpr int64_t kMaxClasses = 10'000;

// The weights of `model` that the layers of `graph` have.
TensorMap weights_for(const Graph &graph, const Model &model, const KernelTable &table, const std::string &device) {
  TensorMap weights;
  for (const Node &node : graph.nodes) {
    if (is_structural(node.op)) continue;
    const LayerNode layer(graph, node, table, device);
    for (const SchemaPort *port : layer.stored()) {
      const auto found = model.weights().find(layer.weight_name(*port));
      if (found != model.weights().end()) weights.insert(*found);
    }
  }
  return weights;
}

// `graph`, with the weights it needs of `model`, on the same device.
TensorMap run_part(Graph graph, const Model &model, const KernelTable &table, const TensorMap &inputs,
                   const RunOptions &options) {
  LoadOptions load;
  if (!model.layers().empty()) load.device = model.layers().front().device();
  load.table = &table;
  TensorMap weights = weights_for(graph, model, table, load.device);
  return Model(std::move(graph), std::move(weights), load).run(inputs, options);
}

std::string gate_op(const std::string &op) { return op + "_gate"; }

std::string input_name(size_t i) { return fmt::format("input{}", i); }

// The graph of one op: the gate of `node`, with the node's attributes and names of weights.
Graph gate_graph(const Graph &graph, const Node &node, const TensorMap &inputs, const KernelTable &table) {
  std::string text = fmt::format("model {}\n", graph.model), from;
  for (size_t i = 0; i < inputs.size(); i++) {
    text += fmt::format("input {} [{}]\n", input_name(i), fmt::join(inputs.at(input_name(i)).shape, " "));
    from += (i == 0 ? "" : ",") + input_name(i);
  }
  text += fmt::format("{} {} from {} weights={}", gate_op(node.op), kGate, from, node.weights);
  if (!node.norm_weights.empty()) text += " norm_weights=" + node.norm_weights;
  for (const auto &[key, value] : node.attributes) text += fmt::format(" {}={}", key, value.text());
  text += fmt::format("\noutput {}\n", kGate);
  LoadOptions options;
  options.table = &table;
  return parse_graph(text, fmt::format("{}: gate of {}", graph.file, node.name), parse_options(options));
}

// An extent of the picture as it was given and as the network sees it.
struct Padding {
  int64_t given = 1, padded = 1;

  // Of so many rows or columns of another tensor, how many show the picture.
  int64_t part_of(int64_t extent) const { return (extent * given + padded - 1) / padded; }
};

// Mean over the channels of the first sample, without what is padding.
Plane mean_over_channels(const StoredTensor &tensor, const Padding &rows, const Padding &columns) {
  const std::vector<int64_t> &shape = tensor.shape;
  const int64_t channels = shape.size() > 1 ? shape[1] : 1, width = shape.size() > 2 ? shape.back() : 1;
  const int64_t plane = tensor.elements() / std::max<int64_t>(shape.at(0) * channels, 1), height = plane / width;
  const bool picture = shape.size() == 4;
  Plane mean;
  mean.height = static_cast<int>(picture ? rows.part_of(height) : height);
  mean.width = static_cast<int>(picture ? columns.part_of(width) : width);
  const float *values = tensor.f32();
  for (int64_t y = 0; y < mean.height; y++) {
    for (int64_t x = 0; x < mean.width; x++) {
      double sum = 0;
      for (int64_t c = 0; c < channels; c++) sum += values[c * plane + y * width + x];
      mean.values.push_back(static_cast<float>(sum / static_cast<double>(channels)));
    }
  }
  return mean;
}

double mean_of(const std::vector<float> &values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Tensors of an input port alpha and, where it is there, beta.
std::vector<std::pair<std::string, std::string>> gates_of(const LayerNode &layer) {
  std::vector<std::pair<std::string, std::string>> gates;
  bool scales = false;
  for (size_t i = 0; i < layer.node().inputs.size(); i++) {
    const std::string &port = layer.schema().inputs.at(i).name;
    scales = scales || port == "alpha";
    if (port == "alpha" || port == "beta") gates.emplace_back(port, layer.node().inputs[i]);
  }
  return scales ? gates : std::vector<std::pair<std::string, std::string>>();
}

// Everything that changes with the tensor `source`.
std::set<std::string> tensors_behind(const Graph &graph, const std::string &source) {
  std::set<std::string> reached{source};
  for (const Node &node : graph.nodes) {
    const bool follows = std::any_of(node.inputs.begin(), node.inputs.end(),
                                     [&](const std::string &input) { return reached.contains(input); });
    if (follows) reached.insert(node.outputs.begin(), node.outputs.end());
  }
  return reached;
}

// What of the graph is needed to make `wanted`.
Graph part_that_makes(const Graph &graph, std::set<std::string> wanted) {
  Graph part = graph;
  part.outputs.clear();
  part.losses.clear();
  part.nodes.clear();
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool makes = std::any_of(node->outputs.begin(), node->outputs.end(),
                                   [&](const std::string &output) { return wanted.contains(output); });
    if (!makes) continue;
    wanted.insert(node->inputs.begin(), node->inputs.end());
    part.nodes.push_back(*node);
  }
  std::reverse(part.nodes.begin(), part.nodes.end());
  std::erase_if(part.inputs, [&](const GraphInput &input) { return !wanted.contains(input.name); });
  return part;
}

[[noreturn]] void refuse_table(const Graph &graph, const std::string &why) {
  throw Error(ErrorCode::usage, fmt::format("model {} has no gates by class: {}", graph.model, why));
}

const GraphInput &label_of(const Graph &graph) {
  const GraphInput &label = find_input(graph, kLabel, "show gates by class");
  if (!label.range) refuse_table(graph, fmt::format("its input '{}' states no range", kLabel));
  const uint64_t more = static_cast<uint64_t>(label.range->second) - static_cast<uint64_t>(label.range->first);
  if (more >= kMaxClasses) refuse_table(graph, fmt::format("more than {} classes", kMaxClasses));
  return label;
}

// The input's shape for `samples`. Nothing when an extent is open.
std::optional<std::vector<int64_t>> shape_for(const GraphInput &input, int64_t samples) {
  std::vector<int64_t> shape{input.shape[0].symbol.empty() ? input.shape[0].extent : samples};
  for (size_t d = 1; d < input.shape.size(); d++) {
    if (!input.shape[d].symbol.empty()) return std::nullopt;
    shape.push_back(input.shape[d].extent);
  }
  return shape;
}

StoredTensor every_class(const Graph &graph, const GraphInput &label, const ClassGates &table) {
  StoredTensor tensor;
  tensor.dtype = DType::i64;
  tensor.shape = shape_for(label, table.classes).value_or(std::vector<int64_t>());
  if (tensor.shape.empty() || tensor.elements() != table.classes) {
    refuse_table(graph, fmt::format("its input '{}' does not hold one number a sample of any batch", kLabel));
  }
  std::vector<int64_t> values(static_cast<size_t>(table.classes));
  std::iota(values.begin(), values.end(), table.first_class);
  tensor.bytes.resize(values.size() * sizeof(int64_t));
  std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

TensorMap class_inputs(const Graph &graph, const ClassGates &table) {
  TensorMap inputs;
  for (const GraphInput &input : graph.inputs) {
    if (input.name == kLabel) {
      inputs[input.name] = every_class(graph, input, table);
    } else if (input.name == kNoise) {
      const auto shape = shape_for(input, table.classes);
      if (!shape) refuse_table(graph, fmt::format("the length of '{}' is open", kNoise));
      inputs[input.name] = StoredTensor::of_f32(*shape);
      to_given_units(input, inputs[input.name]);
    } else if (!input.value) {
      refuse_table(graph, fmt::format("they depend on the input '{}'", input.name));
    }
  }
  return inputs;
}

std::vector<std::vector<float>> rows_of(const StoredTensor &tensor, int64_t rows) {
  const int64_t length = tensor.elements() / tensor.shape.at(0);
  std::vector<std::vector<float>> result;
  for (int64_t row = 0; row < rows; row++) {
    const float *first = tensor.f32() + (tensor.shape[0] == 1 ? 0 : row) * length;
    result.emplace_back(first, first + length);
  }
  return result;
}

}  // namespace

std::vector<GateMap> gate_maps(const Model &model, const TensorMap &inputs, const RunOptions &options,
                               const KernelTable &table) {
  std::vector<const LayerNode *> gated;
  PlanOptions plan_options;
  for (const LayerNode &layer : model.layers()) {
    if (!table.composites().contains(gate_op(layer.node().op))) continue;
    gated.push_back(&layer);
    for (const std::string &input : layer.node().inputs) plan_options.keep.push_back(input);
  }
  if (gated.empty()) throw Error(ErrorCode::usage, fmt::format("model {} has no gated layer", model.graph().model));

  const ExecutionPlan plan = model.plan_for(inputs, plan_options);
  std::vector<float> arena(static_cast<size_t>(plan.arena_bytes()) / sizeof(float));
  model.fill_inputs(plan, inputs, arena.data());
  TensorMap state;
  model.execute(plan, arena.data(), options, state);

  const std::string first = first_given_input(model.graph(), inputs);
  const std::vector<int64_t> &given = inputs.at(first).shape;
  const Extents &padded = plan.tensors()[static_cast<size_t>(plan.tensor(first))].extents;
  const bool picture = given.size() == 4 && padded.size() == 4;
  const Padding rows = picture ? Padding{given[2], padded[2]} : Padding();
  const Padding columns = picture ? Padding{given[3], padded[1]} : Padding();
  RunOptions gate_options;
  gate_options.cancel = options.cancel;
  std::vector<GateMap> maps;
  for (const LayerNode *layer : gated) {
    const Node &node = layer->node();
    TensorMap read;
    for (size_t i = 0; i < node.inputs.size(); i++) {
      read[input_name(i)] = read_output(plan.view(plan.tensor(node.inputs[i]), arena.data()));
    }
    const TensorMap made = run_part(gate_graph(model.graph(), node, read, table), model, table, read, gate_options);
    GateMap map{node.name, node.op, made.at(kGate).shape, mean_over_channels(made.at(kGate), rows, columns), 0};
    map.openness = mean_of(map.mean.values);
    maps.push_back(std::move(map));
  }
  return maps;
}

TensorMap hole_inputs(const Graph &graph, const Picture &image, const std::vector<uint8_t> &mask) {
  constexpr const char *kPurpose = "show gates for a picture and a mask";
  const GraphInput &input = find_input(graph, "image", kPurpose);
  TensorMap inputs;
  inputs[find_input(graph, "mask", kPurpose).name] = mask_to_tensor(mask, image.width, image.height);
  inputs[input.name] = picture_to_tensor(image, input.order);
  return inputs;
}

double ClassGate::mean(size_t row) const { return mean_of(values.at(row)); }

ClassGates class_gates(const Model &model, const RunOptions &options, const KernelTable &table) {
  const Graph &graph = model.graph();
  const GraphInput &label = label_of(graph);
  const std::set<std::string> by_class = tensors_behind(graph, label.name);
  ClassGates result{label.range->first, label.range->second - label.range->first + 1, {}};
  std::vector<std::string> tensors;
  for (const LayerNode &layer : model.layers()) {
    const auto gates = gates_of(layer);
    const bool counts =
        std::any_of(gates.begin(), gates.end(), [&](const auto &gate) { return by_class.contains(gate.second); });
    if (!counts) continue;
    for (const auto &[port, tensor] : gates) {
      result.gates.push_back({layer.node().name, port, {}});
      tensors.push_back(tensor);
    }
  }
  if (tensors.empty()) refuse_table(graph, "no layer has a gate that depends on the class");

  const Graph part = part_that_makes(graph, {tensors.begin(), tensors.end()});
  RunOptions part_options;
  part_options.cancel = options.cancel;
  part_options.progress = options.progress;
  part_options.keep = tensors;
  const TensorMap made = run_part(part, model, table, class_inputs(part, result), part_options);
  for (size_t i = 0; i < tensors.size(); i++) {
    result.gates[i].values = rows_of(made.at(tensors[i]), result.classes);
  }
  return result;
}

}  // namespace sluice
