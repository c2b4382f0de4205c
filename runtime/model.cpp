// SPDX-License-Identifier: Apache-2.0
// Loading and running a network.
#include "runtime/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "runtime/arena.h"
#include "runtime/graph_file.h"
#include "runtime/input_shapes.h"
#include "runtime/layer_call.h"
#include "runtime/process_group.h"
#include "runtime/structural.h"
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

const KernelTable &table_of(const LoadOptions &options) {
  return options.table != nullptr ? *options.table : KernelTable::linked();
}

bool has_algorithm(const std::string &op, const KernelTable &table) {
  const auto schema = table.schemas().find(op);
  if (schema == table.schemas().end()) return false;
  const auto &attributes = schema->second.attributes;
  return std::any_of(attributes.begin(), attributes.end(),
                     [](const SchemaAttribute &attribute) { return attribute.name == "algorithm"; });
}

// Has `state` other values for what the node has?
bool changes(const LayerNode &layer, const TensorMap &state) {
  if (state.empty() || layer.schema().parameters.empty()) return false;
  const auto stored = layer.stored();
  return std::any_of(stored.begin(), stored.end(),
                     [&](const SchemaPort *port) { return state.contains(layer.weight_name(*port)); });
}

// SLUICE_ALGORITHM=direct is for the whole process: no Winograd anywhere.
std::string algorithm_of(const LoadOptions &options) {
  const char *forced = std::getenv("SLUICE_ALGORITHM");
  std::string algorithm = forced == nullptr || *forced == 0 ? options.algorithm : forced;
  if (algorithm != "direct" && algorithm != "fastest")
    throw Error(ErrorCode::usage, fmt::format("SLUICE_ALGORITHM must be direct or fastest, not '{}'", algorithm));
  return algorithm;
}

}  // namespace

ParseOptions parse_options(const LoadOptions &options) {
  ParseOptions parse;
  parse.overrides = options.parameters;
  parse.mode = options.mode;
  parse.purpose = options.purpose;
  parse.composites = &table_of(options).composites();
  return parse;
}

std::shared_ptr<const Model> Model::load(const std::filesystem::path &graph, const std::filesystem::path &weights,
                                         const LoadOptions &options) {
  return load(graph, weights.empty() ? Archive{} : read_safetensors(weights), options);
}

std::shared_ptr<const Model> Model::load(const std::filesystem::path &graph, Archive archive,
                                         const LoadOptions &options) {
  LoadOptions with_parameters = options;
  with_parameters.parameters = parameters_of(archive, options.parameters);
  return std::make_shared<const Model>(read_graph(graph, parse_options(with_parameters)), std::move(archive.tensors),
                                       with_parameters);
}

Model::Model(Graph graph, TensorMap weights, const LoadOptions &options)
    : graph_(std::move(graph)), weights_(std::move(weights)) {
  prepare_kernels();
  const KernelTable &table = table_of(options);
  const std::string algorithm = algorithm_of(options);
  for (Node &node : graph_.nodes) {
    if (!is_structural(node.op) && has_algorithm(node.op, table))
      node.attributes.emplace("algorithm", AttributeValue{{algorithm}});
    if (!is_structural(node.op)) layers_.emplace_back(graph_, node, table, options.device);
  }
  for (auto &[name, weight] : weights_) {
    if (weight.dtype != DType::f32) weight = to_f32(weight);
    static_cast<void>(weight.f32());  // refuses bytes that do not fit the shape
  }
  for (LayerNode &layer : layers_) {
    join_weights(layer);
    layer.infer_from(weights_);
    layer.infer_from(joined_);
  }
  check_weights();
  pack_all();
  if (!options.keep_weights) drop_packed_weights();
}

// A plan at some picture size, to know the channels of every tensor; none where the graph leaves channels open or its
// layers need another size. What is wrong then shows when a real input comes.
std::unique_ptr<ExecutionPlan> Model::nominal_plan(int64_t size) const {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const GraphInput &input : graph_.inputs) {
    if (input.shape.size() > 1 && !input.shape[1].symbol.empty()) return nullptr;
    for (const Dimension &dimension : input.shape) {
      const bool batch = shapes[input.name].empty();
      shapes[input.name].push_back(!dimension.symbol.empty() ? (batch ? 1 : size) : dimension.extent);
    }
  }
  try {
    return std::make_unique<ExecutionPlan>(graph_, layers_, padded_extents(graph_, shapes), PlanOptions{});
  } catch (const Error &) {
    return nullptr;
  }
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

void Model::update_state(const PlannedStep &step, const ExecutionPlan &plan, float *arena, TensorMap &state) const {
  const LayerNode &layer = *step.layer;
  TensorMap made;
  call_layer(layer, layer.kernel("update"), [&](const std::string &argument, int64_t) {
    const SchemaPort &port = *argument_port(layer.schema(), argument);
    for (size_t i = 0; i < step.inputs.size(); i++) {
      if (&layer.schema().inputs[i] == &port) return plan.view(step.inputs[i], arena);
    }
    BufferView now = parameter(layer, port, state);
    if (argument == port.name) return now;
    StoredTensor &next = made[argument];
    next = StoredTensor::of_f32({now.extents.rbegin(), now.extents.rend()});
    return BufferView(next.f32(), now.extents);
  });
  for (const SchemaPort *port : layer.stored()) {
    const auto next = made.find("new_" + port->name);
    if (next == made.end()) continue;
    const std::string name = layer.weight_name(*port);
    next->second.shape = weights_.at(name).shape;
    state[name] = std::move(next->second);
  }
}

TensorMap Model::state_of(const LayerNode &layer, const TensorMap &state) const {
  TensorMap now;
  for (const SchemaPort &port : layer.schema().state) {
    if (!layer.holds(port.when)) continue;
    const std::string name = layer.weight_name(port);
    const auto changed = state.find(name);
    now[name] = changed != state.end() ? changed->second : weights_.at(name);
  }
  return now;
}

void Model::execute_layer(const PlannedStep &step, const ExecutionPlan &plan, float *arena, const RunOptions &options,
                          TensorMap &state, UsedState *used) const {
  const LayerNode &layer = *step.layer;
  const bool has_parameters = !layer.schema().parameters.empty();
  PackedGroups repacked;
  Arena memory;
  const auto repack = [&] {
    repacked = packed_layout(layer, state);
    memory = place_packed({&repacked});
    fill_packed(layer, state, repacked);
  };
  const StateUpdate update = layer.updates_state();
  if (update == StateUpdate::after && has_parameters) repack();
  if (update == StateUpdate::after && used != nullptr) (*used)[step.node->name] = state_of(layer, state);
  if (update != StateUpdate::none) update_state(step, plan, arena, state);
  if (update == StateUpdate::before && used != nullptr) (*used)[step.node->name] = state_of(layer, state);
  if (update == StateUpdate::none && changes(layer, state)) {  // another node with these weights ran before
    repack();
    if (used != nullptr) (*used)[step.node->name] = state_of(layer, state);
  }
  if (update == StateUpdate::before && has_parameters) repack();
  const auto &packed = has_parameters && repacked.empty() ? packed_.at(layer.node().name) : repacked;
  CallContext context;
  context.cancelled = options.cancel;
  call_layer(
      layer, layer.kernel("forward"),
      [&](const std::string &argument, int64_t group) {
        const LayerSchema &schema = layer.schema();
        for (size_t i = 0; i < schema.inputs.size(); i++) {
          if (schema.inputs[i].name != argument) continue;
          return i < step.inputs.size() ? plan.view(step.inputs[i], arena) : neutral_input(schema.inputs[i]);
        }
        for (size_t i = 0; i < step.outputs.size(); i++) {
          if (schema.outputs[i].name == argument) return plan.view(step.outputs[i], arena);
        }
        for (const Packed &port : packed.at(static_cast<size_t>(group))) {
          if (port.name == argument) return port.view();
        }
        throw Error(ErrorCode::input_failed, fmt::format("{}: nothing for port '{}'", layer.where(), argument));
      },
      &context);
}

void Model::execute(const ExecutionPlan &plan, float *arena, const RunOptions &options, TensorMap &state,
                    UsedState *used) const {
  const int total = static_cast<int>(plan.steps().size());
  int done = 0;
  for (const PlannedStep &step : plan.steps()) {
    if (options.progress) options.progress(done, total, step.node->name);
    if (options.cancel != nullptr && options.cancel->load())
      throw Error(ErrorCode::interrupted, fmt::format("model {}: cancelled", graph_.model));
    done++;
    if (step.layer != nullptr) {
      execute_layer(step, plan, arena, options, state, used);
    } else if (step.node->op == "reshape") {
      copy_reshaped(plan.view(step.inputs[0], arena), plan.view(step.outputs[0], arena));
    } else if (step.node->op == "all_gather") {
      gather_view(options.group == nullptr ? alone() : *options.group, plan.view(step.inputs[0], arena),
                  plan.view(step.outputs[0], arena));
    } else if (step.node->op == "concat") {
      int64_t channel = 0;
      for (const int input : step.inputs) {
        const BufferView from = plan.view(input, arena);
        BufferView to = plan.view(step.outputs[0], arena);
        to.data = static_cast<float *>(to.data) + channel;
        to.extents = from.extents;
        channel += from.extents[0];
        if (from.data != to.data) copy_view(from, to);
      }
    }
  }
  if (options.progress) options.progress(total, total, "");
}

ExecutionPlan Model::plan_for(const TensorMap &inputs, const PlanOptions &options) const {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const auto &[name, tensor] : inputs) shapes[name] = tensor.shape;
  return plan(padded_extents(graph_, shapes), options);
}

void Model::fill_inputs(const ExecutionPlan &plan, const TensorMap &inputs, float *arena) const {
  const std::string first = first_given_input(graph_, inputs);
  const std::vector<int64_t> given_shape = inputs.at(first).shape;
  for (const GraphInput &input : graph_.inputs) {
    const BufferView view = plan.view(plan.tensor(input.name), arena);
    const auto given = inputs.find(input.name);
    if (given != inputs.end()) {
      fill_input(input, given->second, view);
    } else if (input.value) {
      const bool picture = given_shape.size() == 4 && view.extents.size() == 4;
      const BufferView whole = as_picture(view);
      fill_constant(*input.value, picture ? given_shape[3] : whole.extents[1],
                    picture ? given_shape[2] : whole.extents[2], view);
    } else {
      throw Error(ErrorCode::input_failed, fmt::format("model {}: input '{}' is missing", graph_.model, input.name));
    }
  }
}

TensorMap Model::run(const TensorMap &inputs, const RunOptions &options) const {
  PlanOptions plan_options;
  plan_options.keep = options.keep;
  const ExecutionPlan plan = plan_for(inputs, plan_options);
  const auto arena = allocate_arena(plan.arena_bytes(), graph_.model);
  fill_inputs(plan, inputs, arena.get());
  TensorMap state;
  execute(plan, arena.get(), options, state);
  if (options.state != nullptr) *options.state = std::move(state);

  const std::string first = first_given_input(graph_, inputs);
  const std::vector<int64_t> &given = inputs.at(first).shape;
  const Extents &padded = plan.tensors()[static_cast<size_t>(plan.tensor(first))].extents;
  TensorMap results;
  const auto add = [&](const std::string &name, const std::string &from) {
    const BufferView view = plan.view(plan.tensor(from), arena.get());
    const bool picture = view.extents.size() == 4 && padded.size() == 4;
    const bool cropped = picture && view.extents[1] == padded[1] && view.extents[2] == padded[2];
    results[name] = cropped ? read_output(view, given[3], given[2]) : read_output(view);
  };
  for (const std::string &name : options.keep) add(name, name);
  for (const GraphOutput &output : graph_.outputs) add(output.name, output.from);
  return results;
}

}  // namespace sluice
