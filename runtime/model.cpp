// SPDX-License-Identifier: Apache-2.0
// Loading, packing and running a network.
#include "runtime/model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "runtime/arena.h"
#include "runtime/graph_file.h"
#include "runtime/input_shapes.h"
#include "runtime/layer_call.h"
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

// Shape of a parameter in a file.
std::vector<int64_t> parameter_shape(const Extents &extents) { return {extents.rbegin(), extents.rend()}; }

// [o i] for [o i 1 1]: axes of one element may be missing in a file.
bool same_shape(const LayerNode &layer, const SchemaPort &port, const Extents &extents,
                const std::vector<int64_t> &shape) {
  return layer.stored_extents(port, shape) == extents;
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

}  // namespace

ParseOptions parse_options(const LoadOptions &options) {
  ParseOptions parse;
  parse.overrides = options.parameters;
  parse.mode = options.mode;
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
  for (Node &node : graph_.nodes) {
    if (!is_structural(node.op) && has_algorithm(node.op, table))
      node.attributes.emplace("algorithm", AttributeValue{{options.algorithm}});
    if (!is_structural(node.op)) layers_.emplace_back(graph_, node, table, options.device);
  }
  for (auto &entry : weights_) entry.second = to_f32(entry.second);
  for (LayerNode &layer : layers_) layer.infer_from(weights_);
  check_weights();
  for (const LayerNode &layer : layers_) {
    if (layer.schema().parameters.empty()) continue;
    add_neutral(layer);
    const auto &packed = packed_[layer.node().name] = pack(layer, {});
    for (const auto &group : packed) {
      for (const Packed &port : group) packed_bytes_ += static_cast<int64_t>(port.values.size() * sizeof(float));
    }
  }
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

// Weights whose shape is not the one the graph asks for, given the channels of the layer's inputs where they are known.
std::string Model::misshapen(const LayerNode &layer, const std::map<std::string, Extents> &inputs) const {
  std::string report;
  for (const SchemaPort *port : layer.stored()) {
    const auto found = weights_.find(layer.weight_name(*port));
    if (found == weights_.end()) continue;
    const auto extents = layer.parameter_extents(*port, inputs);
    if (extents ? same_shape(layer, *port, *extents, found->second.shape)
                : layer.stored_extents(*port, found->second.shape).has_value()) {
      continue;
    }
    const std::string expected =
        extents ? shape_text(parameter_shape(*extents)) : fmt::format("{} dimensions", port->axes.size());
    report += fmt::format(" {} (expected {}, got {})", found->first, expected, shape_text(found->second.shape));
  }
  return report;
}

// Names and shapes in one report.
void Model::check_weights() const {
  // Two sizes: a shape that follows from the size of the input can only be judged when an input comes.
  const std::unique_ptr<ExecutionPlan> plan = nominal_plan(64), other = nominal_plan(128);
  std::set<std::string> expected, missing;
  std::string unexpected, wrong;
  for (const LayerNode &layer : layers_) {
    for (const SchemaPort *port : layer.stored()) {
      const std::string name = layer.weight_name(*port);
      expected.insert(name);
      if (weights_.count(name) == 0) missing.insert(name);
    }
    const std::string one = misshapen(layer, plan && other ? plan->inputs_of(layer) : std::map<std::string, Extents>());
    if (!plan || !other || one == misshapen(layer, other->inputs_of(layer))) wrong += one;
  }
  for (const auto &entry : weights_) {
    if (expected.count(entry.first) == 0) unexpected += " " + entry.first;
  }
  std::string report;
  if (!missing.empty()) report += fmt::format("; missing: {}", fmt::join(missing, " "));
  if (!unexpected.empty()) report += "; unexpected:" + unexpected;
  if (!wrong.empty()) report += "; misshapen:" + wrong;
  if (!report.empty()) {
    throw Error(ErrorCode::bad_file, fmt::format("model {}: the weights do not fit{}", graph_.model, report));
  }
}

BufferView Model::parameter(const LayerNode &layer, const SchemaPort &port, const TensorMap &state) const {
  const std::string name = layer.weight_name(port);
  for (const TensorMap *tensors : {&state, &weights_}) {
    const auto weight = tensors->find(name);
    if (weight == tensors->end() || !layer.holds(port.when)) continue;
    return BufferView(const_cast<float *>(weight->second.f32()),
                      layer.stored_extents(port, weight->second.shape).value());
  }
  const auto &[extents, values] = neutral_.at(layer.node().name + "." + port.name);
  return BufferView(const_cast<float *>(values.data()), extents);
}

// Values for the parameters a node could have and has not.
void Model::add_neutral(const LayerNode &layer) {
  for (const SchemaPort *port : layer.schema().stored()) {
    if (layer.holds(port->when)) continue;
    const Extents extents = layer.parameter_extents(*port, {}).value_or(Extents(port->axes.size(), 1));
    neutral_[layer.node().name + "." + port->name] = {
        extents, std::vector<float>(static_cast<size_t>(BufferView(nullptr, extents).elements()), port->neutral)};
  }
}

std::vector<std::vector<Model::Packed>> Model::pack(const LayerNode &layer, const TensorMap &state) const {
  std::map<std::string, Extents> plain;
  std::vector<std::vector<Packed>> groups(static_cast<size_t>(layer.groups()));
  for (const SchemaPort *port : layer.schema().stored()) plain[port->name] = parameter(layer, *port, state).extents;
  for (auto &group : groups) {
    for (const auto &[name, extents] : packed_extents(layer, plain)) {
      group.push_back(
          {name, extents, std::vector<float>(static_cast<size_t>(BufferView(nullptr, extents).elements()))});
    }
  }
  fill_packed(layer, state, groups);
  return groups;
}

void Model::fill_packed(const LayerNode &layer, const TensorMap &state,
                        const std::vector<std::vector<Packed>> &groups) const {
  call_layer(layer, layer.kernel("pack"), [&](const std::string &argument, int64_t group) {
    const SchemaPort *port = argument_port(layer.schema(), argument);
    if (port != nullptr) return parameter(layer, *port, state);
    for (const Packed &packed : groups[static_cast<size_t>(group)]) {
      if (packed.name == argument) return packed.view();
    }
    throw Error(ErrorCode::input_failed, fmt::format("{}: no packed parameter '{}'", layer.where(), argument));
  });
}

void Model::replace_weights(const TensorMap &values) {
  for (const auto &[name, value] : values) {
    const auto weight = weights_.find(name);
    if (weight == weights_.end())
      throw Error(ErrorCode::bad_file, fmt::format("model {} has no weight '{}'", graph_.model, name));
    if (value.dtype != DType::f32 || value.shape != weight->second.shape) {
      throw Error(ErrorCode::bad_file, fmt::format("model {}: weight '{}' has shape {}, got {}", graph_.model, name,
                                                   shape_text(weight->second.shape), shape_text(value.shape)));
    }
    std::copy(value.bytes.begin(), value.bytes.end(), weight->second.bytes.begin());
  }
  for (const LayerNode &layer : layers_) {
    const auto stored = layer.stored();
    const bool changed = std::any_of(stored.begin(), stored.end(), [&](const SchemaPort *port) {
      return values.count(layer.weight_name(*port)) != 0;
    });
    const auto packed = packed_.find(layer.node().name);
    if (changed && packed != packed_.end()) fill_packed(layer, {}, packed->second);
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
    next = StoredTensor::of_f32(parameter_shape(now.extents));
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
  std::vector<std::vector<Packed>> repacked;
  const StateUpdate update = layer.updates_state();
  if (update == StateUpdate::after && has_parameters) repacked = pack(layer, state);
  if (update == StateUpdate::after && used != nullptr) (*used)[step.node->name] = state_of(layer, state);
  if (update != StateUpdate::none) update_state(step, plan, arena, state);
  if (update == StateUpdate::before && used != nullptr) (*used)[step.node->name] = state_of(layer, state);
  if (update == StateUpdate::before && has_parameters) repacked = pack(layer, state);
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
