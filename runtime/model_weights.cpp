// SPDX-License-Identifier: Apache-2.0
// A network's weights: what the graph asks for against what is there, joined where a node wants several as one, packed
// for the kernels.
#include <HalideRuntime.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <set>

#include "runtime/arena.h"
#include "runtime/device.h"
#include "runtime/device_block.h"
#include "runtime/layer_call.h"
#include "runtime/model.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr int64_t kFloat = sizeof(float);

// Shape of a parameter in a file.
std::vector<int64_t> parameter_shape(const Extents &extents) { return {extents.rbegin(), extents.rend()}; }

// [o i] for [o i 1 1]: axes of one element may be missing in a file.
bool same_shape(const LayerNode &layer, const SchemaPort &port, const Extents &extents,
                const std::vector<int64_t> &shape) {
  return layer.stored_extents(port, shape) == extents;
}

}  // namespace

// Weights whose shape is not the one the graph asks for, given the channels of the layer's inputs where they are known.
std::string Model::misshapen(const LayerNode &layer, const std::map<std::string, Extents> &inputs) const {
  std::string report;
  for (const SchemaPort *port : layer.stored()) {
    const std::string name = layer.weight_name(*port);
    const StoredTensor *found = find_weight(name);
    if (found == nullptr) continue;
    const auto extents = layer.parameter_extents(*port, inputs);
    if (extents ? same_shape(layer, *port, *extents, found->shape)
                : layer.stored_extents(*port, found->shape).has_value()) {
      continue;
    }
    const std::string expected =
        extents ? shape_text(parameter_shape(*extents)) : fmt::format("{} dimensions", port->axes.size());
    report += fmt::format(" {} (expected {}, got {})", name, expected, shape_text(found->shape));
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
      bool all = true;
      for (const std::string &part : weight_parts(name)) {
        expected.insert(part);
        all = weights_.count(part) != 0 && all;
        if (weights_.count(part) == 0) missing.insert(part);
      }
      if (all && find_weight(name) == nullptr) wrong += fmt::format(" {} (they do not join)", name);
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
  const auto changed = state.find(name);
  const StoredTensor *weight = changed != state.end() ? &changed->second : find_weight(name);
  if (weight != nullptr && weight->bytes.empty() && weight->elements() != 0) {
    throw Error(ErrorCode::usage,
                fmt::format("model {}: weight '{}' was not kept (LoadOptions::keep_weights)", graph_.model, name));
  }
  if (weight != nullptr && layer.holds(port.when))
    return BufferView(const_cast<float *>(weight->f32()), layer.stored_extents(port, weight->shape).value());

  const auto &[extents, values] = neutral_.at(layer.node().name + "." + port.name);
  return BufferView(const_cast<float *>(values.data()), extents);
}

const StoredTensor *Model::find_weight(const std::string &name) const {
  for (const TensorMap *tensors : {&weights_, &joined_}) {
    if (const auto found = tensors->find(name); found != tensors->end()) return &found->second;
  }
  return nullptr;
}

// Tensors that a port wants as one: one after the other in memory, where all are there and their other axes are equal.
void Model::join_weights(const LayerNode &layer) {
  for (const SchemaPort *port : layer.stored()) {
    const std::string name = layer.weight_name(*port);
    const std::vector<std::string> parts = weight_parts(name);
    if (parts.size() < 2) continue;
    StoredTensor whole;
    for (const std::string &part : parts) {
      const auto found = weights_.find(part);
      if (found == weights_.end() || found->second.shape.empty()) return;
      const StoredTensor &tensor = found->second;
      const bool first = whole.shape.empty();
      if (!first &&
          !std::equal(whole.shape.begin() + 1, whole.shape.end(), tensor.shape.begin() + 1, tensor.shape.end()))
        return;
      if (first) whole = StoredTensor{tensor.dtype, tensor.shape, {}};
      if (!first) whole.shape[0] += tensor.shape[0];
      whole.bytes.insert(whole.bytes.end(), tensor.bytes.begin(), tensor.bytes.end());
    }
    joined_[name] = std::move(whole);
  }
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

// What a layer packs, not placed yet.
Model::PackedGroups Model::packed_layout(const LayerNode &layer, const TensorMap &state) const {
  std::map<std::string, Extents> plain;
  for (const SchemaPort *port : layer.schema().stored()) plain[port->name] = parameter(layer, *port, state).extents;
  std::vector<Packed> group;
  for (const auto &[name, extents] : packed_extents(layer, layer.kernel("pack"), plain))
    group.push_back({name, extents});
  return PackedGroups(static_cast<size_t>(layer.groups()), group);
}

// One block for all, not initialised: the pack kernels write every element.
Arena Model::place_packed(const std::vector<PackedGroups *> &all) const {
  const int64_t kVector = device_ == nullptr ? 64 : std::max(64, device_->alignment());
  const auto each = [&](const auto &visit) {
    for (PackedGroups *groups : all) {
      for (auto &group : *groups) {
        for (Packed &port : group) visit(port, (port.bytes() + kVector - 1) / kVector * kVector);
      }
    }
  };
  int64_t bytes = 0;
  each([&](Packed &, int64_t size) { bytes += size; });
  Arena memory = allocate_arena(bytes, graph_.model);
  float *next = memory.get();
  each([&](Packed &port, int64_t size) {
    port.values = next;
    next += size / static_cast<int64_t>(sizeof(float));
  });
  return memory;
}

// Two layers at a time: of few panels, or small, a layer alone does not keep all threads busy.
void Model::pack_all() {
  std::vector<PackedGroups *> all;
  std::vector<const LayerNode *> layers;
  for (const LayerNode &layer : layers_) {
    if (layer.schema().parameters.empty()) continue;
    add_neutral(layer);
    PackedGroups layout = packed_layout(layer, {});
    int64_t bytes = 0;
    for (const auto &group : layout) {
      for (const Packed &port : group) bytes += port.bytes();
    }
    packed_bytes_ = packs_each_run() ? std::max(packed_bytes_, bytes) : packed_bytes_ + bytes;
    if (packs_each_run()) continue;
    all.push_back(&(packed_[layer.node().name] = std::move(layout)));
    layers.push_back(&layer);
  }
  if (all.empty()) return;
  packed_memory_ = place_packed(all);
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < all.size(); i = next++) fill_packed(*layers[i], {}, *all[i]);
  };
  std::future<void> beside;
  if (halide_get_num_threads() != 1) beside = std::async(std::launch::async, work);
  work();
  if (beside.valid()) beside.get();
  upload_packed();
}

// Once; then kernels of the device find them there.
void Model::upload_packed() {
  if (device_ == nullptr || packed_bytes_ == 0) return;
  int64_t bytes = 0;
  for (const auto &[node, groups] : packed_) {
    for (const auto &group : groups) {
      for (const Packed &port : group)
        bytes = std::max(bytes, (port.values - packed_memory_.get()) * kFloat + port.bytes());
    }
  }
  const std::string where = fmt::format("model {}", graph_.model);
  try {
    if (!packed_on_device_)
      packed_on_device_ = std::make_unique<DeviceBlock>(*device_, packed_memory_.get(), bytes, true, where);
    packed_on_device_->upload(packed_memory_.get(), bytes);
  } catch (const DeviceError &error) {
    if (!chooses_itself(options_.device)) throw;
    not_there_ = error.what();
  }
}

// The bytes, not the shapes. A layer that changes its state packs again when it runs.
void Model::drop_packed_weights() {
  std::set<std::string> needed;
  for (const LayerNode &layer : layers_) {
    if (layer.updates_state() == StateUpdate::none && !layer.schema().parameters.empty()) continue;
    for (const SchemaPort *port : layer.stored()) {
      const std::string name = layer.weight_name(*port);
      needed.insert(name);
      for (const std::string &part : weight_parts(name)) needed.insert(part);
    }
  }
  for (TensorMap *tensors : {&weights_, &joined_}) {
    for (auto &[name, tensor] : *tensors) {
      if (needed.count(name) == 0) std::vector<std::byte>().swap(tensor.bytes);
    }
  }
  ::malloc_trim(0);  // else much of it stays with the C library
}

void Model::fill_packed(const LayerNode &layer, const TensorMap &state, const PackedGroups &groups) const {
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
      const std::vector<std::string> parts = weight_parts(layer.weight_name(*port));
      return std::any_of(parts.begin(), parts.end(), [&](const std::string &part) { return values.count(part) != 0; });
    });
    if (changed) join_weights(layer);
    const auto packed = packed_.find(layer.node().name);
    if (changed && packed != packed_.end()) fill_packed(layer, {}, packed->second);
  }
  upload_packed();
}

}  // namespace sluice
