// SPDX-License-Identifier: Apache-2.0
// What every GPU schedule may use. The same schedules serve CUDA and OpenCL; nothing here is tuned yet.
#pragma once
#include "generators/layer.h"

namespace sluice {

constexpr int kThreads = 64;

// All pure dimensions of one definition as one index, kThreads of them a block.
template <typename Definition>
void launch(Definition definition, std::vector<Halide::Var> dimensions) {
  using namespace Halide;
  const Var thread("thread");
  Var all = dimensions[0];
  for (size_t d = 1; d < dimensions.size(); d++) {
    const Var next("all");
    definition.fuse(all, dimensions[d], next);
    all = next;
  }
  definition.gpu_tile(all, thread, kThreads, TailStrategy::GuardWithIf);
}

// Every stage stored once, one thread an element.
inline void launch_every_stage(Plan &plan) {
  for (const auto &entry : plan.stages.all()) {
    Halide::Func stage = entry.second;
    stage.compute_root();
    launch(stage, stage.args());
    for (int u = 0; u < stage.num_update_definitions(); u++) launch(stage.update(u), stage.args());
  }
}

// One thread an output element; its sum in a register.
inline void launch_output(Plan &plan) {
  using namespace Halide;
  const Var thread("thread");
  Func &output = plan.stages["output"];
  launch(output, output.args());
  if (plan.stages.has("sum")) plan.stages["sum"].compute_at(output, thread);
}

}  // namespace sluice
