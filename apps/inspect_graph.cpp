// SPDX-License-Identifier: Apache-2.0
// A graph planned without running it: the kernels are asked for shapes, no weights are packed unless given.
#include "apps/inspect_graph.h"

#include <fmt/format.h>

#include <memory>
#include <vector>

#include "runtime/execution_plan.h"
#include "runtime/graph_file.h"
#include "runtime/input_shapes.h"
#include "runtime/model.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

// n c h w, as files have it.
std::vector<int64_t> file_order(const Extents &extents) { return {extents[3], extents[0], extents[2], extents[1]}; }

std::map<std::string, std::vector<int64_t>> input_shapes(const Graph &graph, int64_t height, int64_t width) {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const GraphInput &input : graph.inputs) {
    std::vector<int64_t> &shape = shapes[input.name];
    for (size_t d = 0; d < input.shape.size(); d++) {
      const Dimension &dimension = input.shape[d];
      if (dimension.symbol.empty()) {
        shape.push_back(dimension.extent);
      } else if (d == 1) {
        throw Error(
            ErrorCode::input_failed,
            fmt::format("model {}, input '{}': the graph leaves the number of channels open", graph.model, input.name));
      } else {
        shape.push_back(d == 0 ? 1 : d == 2 ? height : width);
      }
    }
  }
  return shapes;
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
  if (!question.weights.empty()) {
    inspected.model = Model::load(question.graph, question.weights, load);
    return;
  }
  inspected.own_graph = read_graph(question.graph, question.parameters);
  for (const Node &node : inspected.own_graph.nodes) {
    if (node.op == "concat") continue;
    inspected.own_layers.emplace_back(inspected.own_graph, node, KernelTable::linked(), load.device);
  }
}

struct ParameterSize {
  int64_t count = 0, packed_bytes = 0;
};

ParameterSize parameter_size(const LayerNode &layer, const std::map<std::string, Extents> &inputs) {
  ParameterSize size;
  if (layer.schema().parameters.empty()) return size;
  for (const SchemaPort *port : layer.parameters()) {
    size.count += BufferView(nullptr, layer.parameter_extents(*port, inputs).value()).elements();
  }
  KernelCall pack(layer.kernel("pack"), layer.where());
  for (const SchemaPort &port : layer.schema().parameters) {
    pack.bind(port.name, BufferView(nullptr, layer.parameter_extents(port, inputs).value()));
  }
  for (const auto &entry : pack.query()) {
    size.packed_bytes += BufferView(nullptr, entry.second).elements() * static_cast<int64_t>(sizeof(float));
  }
  return size;
}

Json describe_step(const ExecutionPlan &plan, const PlannedStep &step, bool kernels) {
  const auto extents = [&](int tensor) { return plan.tensors()[static_cast<size_t>(tensor)].extents; };
  Json outputs = Json::object();
  for (size_t i = 0; i < step.outputs.size(); i++)
    outputs[step.node->outputs[i]] = file_order(extents(step.outputs[i]));
  Json node = {{"name", step.node->name}, {"op", step.node->op}, {"inputs", step.node->inputs}, {"outputs", outputs}};
  ParameterSize size;
  if (step.layer != nullptr) {
    std::map<std::string, Extents> inputs;
    for (size_t i = 0; i < step.inputs.size(); i++)
      inputs[step.layer->schema().inputs[i].name] = extents(step.inputs[i]);
    size = parameter_size(*step.layer, inputs);
  }
  node["parameters"] = size.count;
  node["packed_bytes"] = size.packed_bytes;
  if (!kernels) return node;
  node["kernels"] = Json::array();
  if (step.layer == nullptr) return node;
  node["kernels"].push_back(step.layer->kernel("forward").symbol);
  if (!step.layer->schema().parameters.empty()) node["kernels"].push_back(step.layer->kernel("pack").symbol);
  return node;
}

Json describe_ports(const Graph &graph, const ExecutionPlan &plan, bool inputs) {
  Json ports = Json::object();
  const auto add = [&](const std::string &name, const std::string &tensor) {
    ports[name] = file_order(plan.tensors()[static_cast<size_t>(plan.tensor(tensor))].extents);
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

}  // namespace

Json describe_graph(const GraphQuestion &question) {
  InspectedGraph inspected;
  open_graph(question, inspected);
  const Graph &graph = inspected.graph();
  const auto extents = padded_extents(graph, input_shapes(graph, question.height, question.width));
  const ExecutionPlan plan(graph, inspected.layers(), extents, {});
  Json result = {{"graph", question.graph.string()}, {"model", graph.model}};
  if (!question.weights.empty()) result["weights"] = question.weights.string();
  result["parameters"] = Json::object();
  for (const auto &[name, value] : graph.parameters) result["parameters"][name] = value;
  result["multiple"] = graph.multiple;
  result["size"] = {question.height, question.width};
  result["inputs"] = describe_ports(graph, plan, true);
  result["outputs"] = describe_ports(graph, plan, false);
  result["nodes"] = Json::array();
  int64_t parameters = 0, packed = 0;
  for (const PlannedStep &step : plan.steps()) {
    result["nodes"].push_back(describe_step(plan, step, question.kernels));
    parameters += result["nodes"].back()["parameters"].get<int64_t>();
    packed += result["nodes"].back()["packed_bytes"].get<int64_t>();
  }
  result["parameter_count"] = parameters;
  result["packed_bytes"] = packed;
  result["planned_peak_bytes"] = plan.arena_bytes();
  return result;
}

void print_graph(const Json &graph) {
  print_line(fmt::format("model {} ({})", graph["model"].get<std::string>(), graph["graph"].get<std::string>()));
  for (const auto &[name, value] : graph["parameters"].items()) {
    print_line(fmt::format("param {}={}", name, value.get<std::string>()));
  }
  print_line("inputs: " + shapes_text(graph["inputs"]));
  print_line("outputs: " + shapes_text(graph["outputs"]));
  for (const Json &node : graph["nodes"]) {
    print_line(fmt::format("{:<24} {:<22} {} parameters={} packed={}", node["name"].get<std::string>(),
                           node["op"].get<std::string>(), shapes_text(node["outputs"]),
                           node["parameters"].get<int64_t>(), node["packed_bytes"].get<int64_t>()));
    if (!node.contains("kernels")) continue;
    for (const Json &kernel : node["kernels"]) print_line("  " + kernel.get<std::string>());
  }
  print_line(fmt::format("{} parameters, {} bytes of packed weights", graph["parameter_count"].get<int64_t>(),
                         graph["packed_bytes"].get<int64_t>()));
  print_line(fmt::format("planned peak at {} x {}: {} bytes of tensors", graph["size"][0].get<int64_t>(),
                         graph["size"][1].get<int64_t>(), graph["planned_peak_bytes"].get<int64_t>()));
}

}  // namespace sluice
