// SPDX-License-Identifier: Apache-2.0
// Where the values of a plan's tensors are now: in the arena, in its twin on a device, or in both. They are copied when
// a step needs them on the other side, and not before.
#pragma once
#include <string>
#include <vector>

#include "runtime/device_block.h"
#include "runtime/execution_plan.h"

namespace sluice {

class DeviceTensors {
 public:
  // No tensor has values.
  DeviceTensors(const Device &device, const ExecutionPlan &plan, float *arena, const std::string &where);

  // What kernels may find their tensors in: the arena's twin, and blocks that tensors outside of it
  // (ExecutionPlan::bind) lie in. The caller sees to the values of those.
  const std::vector<const DeviceBlock *> &blocks() const { return blocks_; }
  void add_block(const DeviceBlock &block) { blocks_.push_back(&block); }

  enum class Side { host, device };
  void forget();     // again no tensor has values
  void begin_run();  // those of the graph's inputs are in the arena, and no others
  // What the step reads is there, and what the tensors it writes to have already.
  void before(const PlannedStep &step, Side side);
  // What it wrote is there, and nowhere else.
  void after(const PlannedStep &step, Side side);
  // The same of one tensor, with all that it lives in.
  void bring(int tensor, Side side);
  void wrote(int tensor, Side side);
  // What outlives the run is on the host.
  void finish();

 private:
  struct State {
    bool on_host = false, on_device = false;
  };

  const ExecutionPlan &plan_;
  float *arena_;
  DeviceBlock block_;
  std::vector<const DeviceBlock *> blocks_;
  std::vector<State> states_;  // by tensor, of roots
};

}  // namespace sluice
