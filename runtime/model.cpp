// SPDX-License-Identifier: Apache-2.0
// Loading, packing and running a network.
#include "runtime/model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <set>

#include "runtime/graph_file.h"
#include "runtime/input_shapes.h"
#include "runtime/tensor_layout.h"
#include "weights_io/error.h"
#include "weights_io/safetensors.h"

namespace sluice {
namespace {

// Parameters the weights file was made for, unless the caller says otherwise.
std::map<std::string, std::string> parameters_of(const Archive &archive, std::map<std::string, std::string> given) {
  constexpr std::string_view kPrefix = "param.";
  for (const auto &[key, value] : archive.metadata) {
    if (key.starts_with(kPrefix)) given.emplace(key.substr(kPrefix.size()), value);
  }
  return given;
}

int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

std::vector<int64_t> file_shape(const Extents &extents) { return {extents.rbegin(), extents.rend()}; }

struct FreeMemory {
  void operator()(float *memory) const { std::free(memory); }
};

std::unique_ptr<float, FreeMemory> allocate(int64_t bytes, const std::string &model) {
  void *memory = std::aligned_alloc(64, static_cast<size_t>(round_up(std::max<int64_t>(bytes, 64), 64)));
  if (memory == nullptr)
    throw Error(ErrorCode::input_failed, fmt::format("model {}: no memory for {} MB of tensors", model, bytes >> 20));
  return std::unique_ptr<float, FreeMemory>(static_cast<float *>(memory));
}

}  // namespace

std::shared_ptr<const Model> Model::load(const std::filesystem::path &graph, const std::filesystem::path &weights,
                                         const LoadOptions &options) {
  Archive archive = weights.empty() ? Archive{} : read_safetensors(weights);
  LoadOptions with_parameters = options;
  with_parameters.parameters = parameters_of(archive, options.parameters);
  return std::make_shared<const Model>(read_graph(graph, with_parameters.parameters), std::move(archive.tensors),
                                       with_parameters);
}

Model::Model(Graph graph, TensorMap weights, const LoadOptions &options)
    : graph_(std::move(graph)), weights_(std::move(weights)) {
  prepare_kernels();
  const KernelTable &table = options.table != nullptr ? *options.table : KernelTable::linked();
  for (const Node &node : graph_.nodes) {
    if (node.op != "concat") layers_.emplace_back(graph_, node, table, options.device);
  }
  for (auto &entry : weights_) entry.second = to_f32(entry.second);
  for (LayerNode &layer : layers_) layer.infer_from(weights_);
  check_weights();
  for (const LayerNode &layer : layers_) pack(layer);
}

// A plan at some picture size, to know the channels of every tensor; none where the graph leaves channels open or its
// layers need another size. What is wrong then shows when a real input comes.
std::unique_ptr<ExecutionPlan> Model::nominal_plan() const {
  constexpr int64_t kNominal = 64;
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const GraphInput &input : graph_.inputs) {
    if (input.shape.size() != 4 || !input.shape[1].symbol.empty()) return nullptr;
    for (const Dimension &dimension : input.shape) {
      const bool batch = shapes[input.name].empty();
      shapes[input.name].push_back(!dimension.symbol.empty() ? (batch ? 1 : kNominal) : dimension.extent);
    }
  }
  try {
    return std::make_unique<ExecutionPlan>(graph_, layers_, padded_extents(graph_, shapes), PlanOptions{});
  } catch (const Error &) {
    return nullptr;
  }
}

// Weights whose shape is not the one the graph asks for, given the channels of the layer's inputs where they are known.
std::string Model::misshapen(const LayerNode &layer, const std::map<std::string, Extents> &inputs) const {
  std::string report;
  for (const SchemaPort *port : layer.parameters()) {
    const auto found = weights_.find(layer.weight_name(*port));
    if (found == weights_.end()) continue;
    const auto extents = layer.parameter_extents(*port, inputs);
    const bool rank_fits = found->second.shape.size() == port->axes.size();
    if (rank_fits && (!extents || file_shape(*extents) == found->second.shape)) continue;
    const std::string expected =
        extents ? shape_text(file_shape(*extents)) : fmt::format("{} dimensions", port->axes.size());
    report += fmt::format(" {} (expected {}, got {})", found->first, expected, shape_text(found->second.shape));
  }
  return report;
}

// Names and shapes in one report.
void Model::check_weights() const {
  const std::unique_ptr<ExecutionPlan> plan = nominal_plan();
  std::set<std::string> expected;
  std::string missing, unexpected, wrong;
  for (const LayerNode &layer : layers_) {
    for (const SchemaPort *port : layer.parameters()) {
      const std::string name = layer.weight_name(*port);
      expected.insert(name);
      if (weights_.count(name) == 0) missing += " " + name;
    }
    wrong += misshapen(layer, plan ? plan->inputs_of(layer) : std::map<std::string, Extents>());
  }
  for (const auto &entry : weights_) {
    if (expected.count(entry.first) == 0) unexpected += " " + entry.first;
  }
  std::string report;
  if (!missing.empty()) report += "; missing:" + missing;
  if (!unexpected.empty()) report += "; unexpected:" + unexpected;
  if (!wrong.empty()) report += "; misshapen:" + wrong;
  if (!report.empty()) {
    throw Error(ErrorCode::bad_file, fmt::format("model {}: the weights do not fit{}", graph_.model, report));
  }
}

BufferView Model::parameter(const LayerNode &layer, const SchemaPort &port) const {
  const std::string name = layer.weight_name(port);
  const auto weight = weights_.find(name);
  if (weight != weights_.end()) {
    return BufferView(const_cast<float *>(weight->second.f32()),
                      {weight->second.shape.rbegin(), weight->second.shape.rend()});
  }
  const auto &[extents, values] = zeros_.at(name);
  return BufferView(const_cast<float *>(values.data()), extents);
}

void Model::pack(const LayerNode &layer) {
  if (layer.schema().parameters.empty()) return;
  for (const SchemaPort &port : layer.schema().parameters) {
    if (weights_.count(layer.weight_name(port)) != 0) continue;
    const auto extents = layer.parameter_extents(port, {});
    if (!extents)
      throw Error(ErrorCode::bad_file, fmt::format("{}: the shape of {} is not known", layer.where(), port.name));
    zeros_[layer.weight_name(port)] = {
        *extents, std::vector<float>(static_cast<size_t>(BufferView(nullptr, *extents).elements()))};
  }
  KernelCall call(layer.kernel("pack"), layer.where());
  for (const SchemaPort &port : layer.schema().parameters) call.bind(port.name, parameter(layer, port));
  auto &packed = packed_[layer.node().name];
  for (const auto &[name, extents] : call.query()) {
    packed.push_back({name, extents, std::vector<float>(static_cast<size_t>(BufferView(nullptr, extents).elements()))});
    packed_bytes_ += static_cast<int64_t>(packed.back().values.size() * sizeof(float));
  }
  for (const Packed &port : packed) call.bind(port.name, port.view());
  call.run();
}

ExecutionPlan Model::plan(const std::map<std::string, Extents> &input_extents, const PlanOptions &options) const {
  ExecutionPlan plan(graph_, layers_, input_extents, options);
  std::string wrong;
  for (const LayerNode &layer : layers_) wrong += misshapen(layer, plan.inputs_of(layer));
  if (!wrong.empty()) {
    throw Error(ErrorCode::bad_file,
                fmt::format("model {}: the weights do not fit; misshapen:{}", graph_.model, wrong));
  }
  return plan;
}

void Model::execute(const ExecutionPlan &plan, float *arena, const RunOptions &options) const {
  const int total = static_cast<int>(plan.steps().size());
  int done = 0;
  for (const PlannedStep &step : plan.steps()) {
    if (options.progress) options.progress(done, total, step.node->name);
    if (options.cancel != nullptr && options.cancel->load())
      throw Error(ErrorCode::interrupted, fmt::format("model {}: cancelled", graph_.model));
    done++;
    if (step.layer == nullptr) {
      int64_t channel = 0;
      for (const int input : step.inputs) {
        const BufferView from = plan.view(input, arena);
        BufferView to = plan.view(step.outputs[0], arena);
        to.data = static_cast<float *>(to.data) + channel;
        channel += from.extents[0];
        if (from.data != to.data) copy_view(from, to);
      }
      continue;
    }
    const LayerNode &layer = *step.layer;
    KernelCall call(layer.kernel("forward"), layer.where());
    for (size_t i = 0; i < step.inputs.size(); i++)
      call.bind(layer.schema().inputs[i].name, plan.view(step.inputs[i], arena));
    for (size_t i = 0; i < step.outputs.size(); i++)
      call.bind(layer.schema().outputs[i].name, plan.view(step.outputs[i], arena));
    const auto packed = packed_.find(layer.node().name);
    if (packed != packed_.end()) {
      for (const Packed &port : packed->second) call.bind(port.name, port.view());
    }
    layer.bind_scalars(call);
    CallContext context;
    context.cancelled = options.cancel;
    call.run(&context);
  }
  if (options.progress) options.progress(total, total, "");
}

ExecutionPlan Model::plan_for(const TensorMap &inputs, const PlanOptions &options) const {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const auto &[name, tensor] : inputs) shapes[name] = tensor.shape;
  return plan(padded_extents(graph_, shapes), options);
}

void Model::fill_inputs(const ExecutionPlan &plan, const TensorMap &inputs, float *arena) const {
  const std::vector<int64_t> &size = inputs.at(first_given_input(graph_, inputs)).shape;
  for (const GraphInput &input : graph_.inputs) {
    const BufferView view = plan.view(plan.tensor(input.name), arena);
    const auto given = inputs.find(input.name);
    if (given != inputs.end()) {
      fill_input(input, given->second, view);
    } else if (input.value) {
      fill_constant(*input.value, size[3], size[2], view);
    } else {
      throw Error(ErrorCode::input_failed, fmt::format("model {}: input '{}' is missing", graph_.model, input.name));
    }
  }
}

TensorMap Model::run(const TensorMap &inputs, const RunOptions &options) const {
  PlanOptions plan_options;
  plan_options.keep = options.keep;
  const ExecutionPlan plan = plan_for(inputs, plan_options);
  const auto arena = allocate(plan.arena_bytes(), graph_.model);
  fill_inputs(plan, inputs, arena.get());
  execute(plan, arena.get(), options);

  const std::string first = first_given_input(graph_, inputs);
  const std::vector<int64_t> &given = inputs.at(first).shape;
  const Extents &padded = plan.tensors()[static_cast<size_t>(plan.tensor(first))].extents;
  TensorMap results;
  const auto add = [&](const std::string &name, const std::string &from) {
    const BufferView view = plan.view(plan.tensor(from), arena.get());
    const bool whole = view.extents[1] == padded[1] && view.extents[2] == padded[2];
    results[name] = read_output(view, whole ? given[3] : view.extents[1], whole ? given[2] : view.extents[2]);
  };
  for (const std::string &name : options.keep) add(name, name);
  for (const GraphOutput &output : graph_.outputs) add(output.name, output.from);
  return results;
}

}  // namespace sluice
