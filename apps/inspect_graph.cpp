// SPDX-License-Identifier: Apache-2.0
// A graph planned without running it: the kernels are asked for shapes, no weights are packed unless given.
#include "apps/inspect_graph.h"

#include <fmt/format.h>

#include <memory>
#include <set>
#include <vector>

#include "apps/inspect_library.h"
#include "apps/inspect_table.h"
#include "runtime/execution_plan.h"
#include "runtime/graph_file.h"
#include "runtime/input_shapes.h"
#include "runtime/layer_call.h"
#include "runtime/model.h"
#include "runtime/structural.h"
#include "runtime/tensor_layout.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

// Height and width of the first input that has both; null without one.
Json picture_size(const Graph &graph, const Shapes &shapes) {
  for (const GraphInput &input : graph.inputs) {
    const std::vector<int64_t> &shape = shapes.at(input.name);
    if (shape.size() >= 4) return {shape[shape.size() - 2], shape.back()};
  }
  return nullptr;
}

// A graph with its layers, from a loaded model or, without weights, from the graph alone.
struct InspectedGraph {
  std::shared_ptr<const Model> model;
  Graph own_graph;
  std::vector<LayerNode> own_layers;

  const Graph &graph() const { return model ? model->graph() : own_graph; }
  const std::vector<LayerNode> &layers() const { return model ? model->layers() : own_layers; }
};

void open_graph(const GraphQuestion &question, InspectedGraph &inspected) {
  LoadOptions load;
  load.parameters = question.parameters;
  load.mode = question.mode;
  if (!question.weights.empty()) {
    inspected.model = Model::load(question.graph, question.weights, load);
    return;
  }
  inspected.own_graph = read_graph(question.graph, parse_options(load));
  for (const Node &node : inspected.own_graph.nodes) {
    if (is_structural(node.op)) continue;
    inspected.own_layers.emplace_back(inspected.own_graph, node, KernelTable::linked(), load.device);
  }
}

struct ParameterSize {
  int64_t count = 0, packed_bytes = 0;
};

// `counted`: names of weights that nodes before have.
ParameterSize parameter_size(const LayerNode &layer, const std::map<std::string, Extents> &inputs,
                             std::set<std::string> &counted) {
  ParameterSize size;
  if (layer.schema().parameters.empty()) return size;
  const auto parameters = parameter_extents(layer, inputs);
  for (const SchemaPort *port : layer.parameters()) {
    const bool fresh = counted.insert(layer.weight_name(*port)).second;  // not shared with a node before
    if (fresh) size.count += BufferView(nullptr, parameters.at(port->name)).elements();
  }
  for (const auto &entry : packed_extents(layer, layer.kernel("pack"), parameters)) {
    size.packed_bytes +=
        layer.groups() * BufferView(nullptr, entry.second).elements() * static_cast<int64_t>(sizeof(float));
  }
  return size;
}

int64_t macs_of(const ExecutionPlan &plan, const PlannedStep &step) {
  const LayerNode &layer = *step.layer;
  std::map<std::string, Extents> outputs;
  for (size_t i = 0; i < step.outputs.size(); i++) {
    const SchemaPort &port = layer.schema().outputs.at(i);
    const Extents &extents = plan.tensors()[static_cast<size_t>(step.outputs[i])].extents;
    outputs[port.name] = port_view(BufferView(nullptr, extents), port, layer.schema(), layer.where()).extents;
  }
  return layer.macs(plan.inputs_of(layer), outputs);
}

Json describe_step(const ExecutionPlan &plan, const PlannedStep &step, bool kernels, std::set<std::string> &counted) {
  Json outputs = Json::object();
  for (size_t i = 0; i < step.outputs.size(); i++) {
    outputs[step.node->outputs[i]] = file_shape(plan.tensors()[static_cast<size_t>(step.outputs[i])].extents);
  }
  ParameterSize size;
  if (step.layer != nullptr) size = parameter_size(*step.layer, plan.inputs_of(*step.layer), counted);
  Json node = {{"name", step.node->name},          {"op", step.node->op},
               {"inputs", step.node->inputs},      {"outputs", outputs},
               {"parameters", size.count},         {"macs", step.layer == nullptr ? 0 : macs_of(plan, step)},
               {"packed_bytes", size.packed_bytes}};
  if (!kernels) return node;
  node["kernels"] = Json::array();
  if (step.layer == nullptr) return node;
  for (const Kernel *kernel : kernels_of(*step.layer)) node["kernels"].push_back(kernel->symbol);
  return node;
}

void add_kernels(const LayerNode &layer, Json &nodes) {
  for (Json &node : nodes) {
    if (node["name"] != layer.node().name) continue;
    for (const Kernel *kernel : kernels_of(layer)) node["kernels"].push_back(kernel->symbol);
  }
}

Json describe_ports(const Graph &graph, const ExecutionPlan &plan, bool inputs) {
  Json ports = Json::object();
  const auto add = [&](const std::string &name, const std::string &tensor) {
    ports[name] = file_shape(plan.tensors()[static_cast<size_t>(plan.tensor(tensor))].extents);
  };
  if (inputs) {
    for (const GraphInput &input : graph.inputs) add(input.name, input.name);
  } else {
    for (const GraphOutput &output : graph.outputs) add(output.name, output.from);
  }
  return ports;
}

std::string shapes_text(const Json &tensors) {
  std::string text;
  for (const auto &[name, shape] : tensors.items()) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, shape_text(shape.get<std::vector<int64_t>>()));
  }
  return text;
}

// Of a node with one output of its own name the shape alone.
std::string outputs_text(const Json &node) {
  const Json &outputs = node["outputs"];
  const std::string name = node["name"].get<std::string>();
  if (outputs.size() != 1 || !outputs.contains(name)) return shapes_text(outputs);
  return shape_text(outputs[name].get<std::vector<int64_t>>());
}

// MACs in millions.
void print_nodes(const Json &nodes) {
  std::vector<std::vector<std::string>> rows{{"node", "op", "output", "parameters", "M MACs", "packed bytes"}};
  for (const Json &node : nodes) {
    rows.push_back({node["name"].get<std::string>(), node["op"].get<std::string>(), outputs_text(node),
                    std::to_string(node["parameters"].get<int64_t>()),
                    fmt::format("{:.3f}", node["macs"].get<double>() / 1e6),
                    std::to_string(node["packed_bytes"].get<int64_t>())});
  }
  const std::vector<std::string> lines = table_lines(rows, 3);
  print_line(lines.front());
  for (size_t i = 0; i < nodes.size(); i++) {
    print_line(lines[i + 1]);
    if (!nodes[i].contains("kernels")) continue;
    for (const Json &kernel : nodes[i]["kernels"]) print_line("  " + kernel.get<std::string>());
  }
}

}  // namespace

// Layers without weights learn from the shapes that theirs must have, so that they name the kernels of a loaded model.
void infer_from_shapes(InspectedGraph &inspected, const std::map<std::string, Extents> &extents) {
  const ExecutionPlan plan(inspected.graph(), inspected.layers(), extents, {});
  for (LayerNode &layer : inspected.own_layers) {
    TensorMap shapes;
    for (const auto &[port, extent] : parameter_extents(layer, plan.inputs_of(layer))) {
      for (const SchemaPort *stored : layer.parameters()) {
        if (stored->name == port) shapes[layer.weight_name(*stored)].shape = {extent.rbegin(), extent.rend()};
      }
    }
    layer.infer_from(shapes);
  }
}

Json describe_graph(const GraphQuestion &question) {
  InspectedGraph inspected;
  open_graph(question, inspected);
  const Graph &graph = inspected.graph();
  const Shapes shapes = nominal_shapes(graph, question.open);
  const auto extents = padded_extents(graph, shapes);
  infer_from_shapes(inspected, extents);
  const ExecutionPlan plan(graph, inspected.layers(), extents, {});
  Json result = {{"graph", question.graph.string()}, {"model", graph.model}};
  if (!question.weights.empty()) result["weights"] = question.weights.string();
  result["parameters"] = Json::object();
  for (const auto &[name, value] : graph.parameters) result["parameters"][name] = value;
  result["multiple"] = graph.multiple;
  result["mode"] = question.mode;
  result["size"] = picture_size(graph, shapes);
  result["inputs"] = describe_ports(graph, plan, true);
  result["outputs"] = describe_ports(graph, plan, false);
  result["nodes"] = Json::array();
  std::map<std::string, int64_t> totals{{"parameters", 0}, {"macs", 0}, {"packed_bytes", 0}};
  std::set<std::string> counted;
  for (const PlannedStep &step : plan.steps()) {
    result["nodes"].push_back(describe_step(plan, step, question.kernels, counted));
    for (auto &[key, total] : totals) total += result["nodes"].back()[key].get<int64_t>();
  }
  result["parameter_count"] = totals["parameters"];
  result["macs"] = totals["macs"];
  result["packed_bytes"] = totals["packed_bytes"];
  result["planned_peak_bytes"] = plan.arena_bytes();
  if (question.kernels) {
    std::vector<LayerNode> layers = inspected.layers();
    const std::vector<LayerNode> others = layers_on(question.devices, layers);
    for (const LayerNode &layer : others) add_kernels(layer, result["nodes"]);
    layers.insert(layers.end(), others.begin(), others.end());
    result["library"] = describe_library(graph, layers);
  }
  return result;
}

void print_graph(const Json &graph) {
  print_line(fmt::format("model {} ({})", graph["model"].get<std::string>(), graph["graph"].get<std::string>()));
  for (const auto &[name, value] : graph["parameters"].items()) {
    print_line(fmt::format("param {}={}", name, value.get<std::string>()));
  }
  print_line("inputs: " + shapes_text(graph["inputs"]));
  print_line("outputs: " + shapes_text(graph["outputs"]));
  print_nodes(graph["nodes"]);
  const Json &size = graph["size"];
  const std::string at =
      size.is_null() ? "" : fmt::format(" at {} x {}", size[0].get<int64_t>(), size[1].get<int64_t>());
  print_line(
      fmt::format("{} parameters, {:.3f} G MACs, {} bytes of packed weights, planned peak{}: {} bytes of tensors",
                  graph["parameter_count"].get<int64_t>(), graph["macs"].get<double>() / 1e9,
                  graph["packed_bytes"].get<int64_t>(), at, graph["planned_peak_bytes"].get<int64_t>()));
}

}  // namespace sluice
