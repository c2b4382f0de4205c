// SPDX-License-Identifier: Apache-2.0
#include "runtime/device_tensors.h"

namespace sluice {

DeviceTensors::DeviceTensors(const Device &device, const ExecutionPlan &plan, float *arena, const std::string &where)
    : plan_(plan),
      arena_(arena),
      block_(device, arena, plan.arena_bytes(), false, where),
      blocks_{&block_},
      states_(plan.tensors().size()) {}

void DeviceTensors::forget() { states_.assign(states_.size(), {}); }

void DeviceTensors::begin_run() {
  forget();
  for (size_t t = 0; t < states_.size(); t++) {
    if (plan_.tensors()[t].first == 0) wrote(static_cast<int>(t), Side::host);
  }
}

void DeviceTensors::bring(int tensor, Side side) {
  const int root = plan_.root(tensor);
  State &state = states_[static_cast<size_t>(root)];
  bool &here = side == Side::host ? state.on_host : state.on_device;
  const void *place = plan_.view(root, arena_).data;
  // Also where nobody wrote to it yet.
  if (here || (!state.on_host && !state.on_device) || !block_.holds(place)) return;
  const int64_t bytes = plan_.tensors()[static_cast<size_t>(root)].bytes();
  side == Side::host ? block_.download(place, bytes) : block_.upload(place, bytes);
  here = true;
}

void DeviceTensors::wrote(int tensor, Side side) {
  states_[static_cast<size_t>(plan_.root(tensor))] = {side == Side::host, side == Side::device};
}

void DeviceTensors::before(const PlannedStep &step, Side side) {
  for (const auto *tensors : {&step.inputs, &step.outputs}) {
    for (const int tensor : *tensors) bring(tensor, side);
  }
}

void DeviceTensors::after(const PlannedStep &step, Side side) {
  for (const int tensor : step.outputs) wrote(tensor, side);
}

void DeviceTensors::finish() {
  const int end = static_cast<int>(plan_.steps().size()) + 1;
  for (size_t t = 0; t < states_.size(); t++) {
    if (plan_.tensors()[t].parent < 0 && plan_.tensors()[t].last == end) bring(static_cast<int>(t), Side::host);
  }
}

}  // namespace sluice
