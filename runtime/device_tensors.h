// SPDX-License-Identifier: Apache-2.0
// Where the values of a run's tensors are now: in the arena, in its twin on a device, or in both. They are copied when
// a step needs them on the other side, and not before.
#pragma once
#include <vector>

#include "runtime/device_block.h"
#include "runtime/execution_plan.h"

namespace sluice {

class DeviceTensors {
 public:
  // The graph's inputs are in the arena.
  DeviceTensors(const Device &device, const ExecutionPlan &plan, float *arena, const std::string &where);

  const DeviceBlock &block() const { return block_; }
  enum class Side { host, device };
  // What the step reads is there, and what the tensors it writes to have already.
  void before(const PlannedStep &step, Side side);
  // What it wrote is there, and nowhere else.
  void after(const PlannedStep &step, Side side);
  // What outlives the run is on the host.
  void finish();

 private:
  struct State {
    bool on_host = false, on_device = false;
  };
  void bring(int root, Side side);

  const ExecutionPlan &plan_;
  float *arena_;
  DeviceBlock block_;
  std::vector<State> states_;  // by tensor, of roots
};

}  // namespace sluice
