// SPDX-License-Identifier: Apache-2.0
// Walking through a plan: every step's kernel on its tensors.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "runtime/device.h"
#include "runtime/device_tensors.h"
#include "runtime/layer_call.h"
#include "runtime/model.h"
#include "runtime/process_group.h"
#include "runtime/region_of_interest.h"
#include "runtime/scratch_space.h"
#include "runtime/structural.h"
#include "runtime/tensor_layout.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

// Has `state` other values for what the node has?
bool changes(const LayerNode &layer, const TensorMap &state) {
  if (state.empty() || layer.schema().parameters.empty()) return false;
  const auto stored = layer.stored();
  return std::any_of(stored.begin(), stored.end(),
                     [&](const SchemaPort *port) { return state.contains(layer.weight_name(*port)); });
}

}  // namespace

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

// Where the model's own do not serve: another node has changed the weights, the node changes its state, or nothing was
// packed when the model was loaded.
Model::Repacked Model::repacked_for(const PlannedStep &step, const ExecutionPlan &plan, float *arena, TensorMap &state,
                                    UsedState *used, DeviceTensors *tensors) const {
  const LayerNode &layer = *step.layer;
  const bool has_parameters = !layer.schema().parameters.empty();
  Repacked own;
  const auto repack = [&] {
    own.groups = packed_layout(layer, state);
    own.memory = place_packed({&own.groups});
    fill_packed(layer, state, own.groups);
  };
  const StateUpdate update = layer.updates_state();
  if (update == StateUpdate::after && has_parameters) repack();
  if (update == StateUpdate::after && used != nullptr) (*used)[step.node->name] = state_of(layer, state);
  if (update != StateUpdate::none && tensors != nullptr) tensors->before(step, DeviceTensors::Side::host);
  if (update != StateUpdate::none) update_state(step, plan, arena, state);
  if (update == StateUpdate::before && used != nullptr) (*used)[step.node->name] = state_of(layer, state);
  if (update == StateUpdate::none && changes(layer, state)) {  // another node with these weights ran before
    repack();
    if (used != nullptr) (*used)[step.node->name] = state_of(layer, state);
  }
  if (update == StateUpdate::before && has_parameters) repack();
  if (packs_each_run() && has_parameters && own.groups.empty()) repack();
  return own;
}

void Model::execute_layer(const PlannedStep &step, const ExecutionPlan &plan, float *arena, const RunOptions &options,
                          const Repacked &repacked, DeviceTensors *tensors, const StepPart *part) const {
  using Side = DeviceTensors::Side;
  const LayerNode &layer = *step.layer;
  const bool packed_here = !layer.schema().parameters.empty() && repacked.groups.empty();
  const auto &packed = packed_here ? packed_.at(layer.node().name) : repacked.groups;
  CallContext context = device_ == nullptr ? CallContext() : device_->call_context();
  context.cancelled = options.cancel;
  ScratchSpace scratch(arena, device_ != nullptr ? std::vector<MemoryRange>()
                                                 : plan.free_ranges(step, int64_t{ScratchSpace::kSmallest}));
  context.scratch = &scratch;
  if (tensors != nullptr) {
    tensors->before(step, Side::device);
    context.blocks = tensors->blocks();
    if (packed_on_device_) context.blocks.push_back(packed_on_device_.get());
  }
  const auto seen = [&](int tensor, const Box &box) {
    const BufferView view = plan.view(tensor, arena);
    return part != nullptr && view.extents.size() == 4 ? crop(view, box) : view;
  };
  static const std::map<std::string, double> own;
  call_layer(
      layer, layer.kernel("forward"),
      [&](const std::string &argument, int64_t group) {
        const LayerSchema &schema = layer.schema();
        for (size_t i = 0; i < schema.inputs.size(); i++) {
          if (schema.inputs[i].name != argument) continue;
          if (i >= step.inputs.size()) return neutral_input(schema.inputs[i]);
          return seen(step.inputs[i], part != nullptr ? part->inputs[i] : Box());
        }
        for (size_t i = 0; i < step.outputs.size(); i++) {
          if (schema.outputs[i].name == argument) return seen(step.outputs[i], part != nullptr ? part->output : Box());
        }
        for (const Packed &port : packed.at(static_cast<size_t>(group))) {
          if (port.name == argument) return port.view();
        }
        throw Error(ErrorCode::input_failed, fmt::format("{}: nothing for port '{}'", layer.where(), argument));
      },
      &context, part != nullptr ? part->scalars : own);
  if (tensors != nullptr) tensors->after(step, Side::device);
}

// Where every part of a concatenation was computed in its place, nothing is left to do, and slices are views.
void Model::execute_structural(const PlannedStep &step, const ExecutionPlan &plan, float *arena,
                               const RunOptions &options, DeviceTensors *tensors) const {
  const auto view = [&](int tensor) { return plan.view(tensor, arena); };
  const BufferView whole = view(step.outputs[0]);
  std::vector<std::pair<BufferView, BufferView>> copies;
  int64_t channel = 0;
  for (const int input : step.inputs) {
    const BufferView from = view(input);
    BufferView to = whole;
    to.data = static_cast<float *>(to.data) + channel;
    to.extents = from.extents;
    channel += from.extents.empty() ? 0 : from.extents[0];
    if (from.data != to.data) copies.emplace_back(from, to);
  }
  const std::string &op = step.node->op;
  if (op == "slice" || (op == "concat" && copies.empty())) return;
  if (tensors != nullptr) tensors->before(step, DeviceTensors::Side::host);
  if (op == "reshape") {
    copy_reshaped(view(step.inputs[0]), whole);
  } else if (op == "all_gather") {
    gather_view(options.group == nullptr ? alone() : *options.group, view(step.inputs[0]), whole);
  } else {
    for (const auto &[from, to] : copies) copy_view(from, to);
  }
  if (tensors != nullptr) tensors->after(step, DeviceTensors::Side::host);
}

void Model::execute(const ExecutionPlan &plan, float *arena, const RunOptions &options, TensorMap &state,
                    UsedState *used, DeviceTensors *tensors) const {
  std::unique_ptr<DeviceTensors> own;
  if (device_ != nullptr && tensors == nullptr) {
    own = std::make_unique<DeviceTensors>(*device_, plan, arena, fmt::format("model {}", graph_.model));
    own->begin_run();
    tensors = own.get();
  }
  std::optional<RegionsOfInterest> regions;
  if (!options.outputs.empty() && device_ == nullptr && used == nullptr) {
    std::vector<std::string> wanted;
    for (const auto &[name, tensor] : results(options.keep, options.outputs)) wanted.push_back(tensor);
    regions.emplace(graph_, plan, wanted, arena);
  }
  const int total = static_cast<int>(plan.steps().size());
  int done = 0;
  for (const PlannedStep &step : plan.steps()) {
    if (options.progress) options.progress(done, total, step.node->name);
    if (options.cancel != nullptr && options.cancel->load())
      throw Error(ErrorCode::interrupted, fmt::format("model {}: cancelled", graph_.model));
    const StepRegion *region = regions ? &regions->step(static_cast<size_t>(done)) : nullptr;
    const size_t number = static_cast<size_t>(done++);
    if (region != nullptr && !region->needed) continue;
    if (region != nullptr) regions->clear_unread(number);
    if (step.layer == nullptr) {
      execute_structural(step, plan, arena, options, tensors);
      continue;
    }
    const Repacked weights = repacked_for(step, plan, arena, state, used, tensors);
    if (region == nullptr || region->whole) {
      execute_layer(step, plan, arena, options, weights, tensors, nullptr);
    } else {
      for (const StepPart &part : region->parts) execute_layer(step, plan, arena, options, weights, tensors, &part);
    }
  }
  if (own) own->finish();
  if (options.progress) options.progress(total, total, "");
}

}  // namespace sluice
