// SPDX-License-Identifier: Apache-2.0
// What every GPU schedule may use. The same schedules serve CUDA and OpenCL; nothing here is tuned yet.
#pragma once
#include "generators/layer.h"
#include "schedules/plain_axes.h"

namespace sluice {

constexpr int kThreads = 64;

// These dimensions of one definition as one index, kThreads of them a block; without any it is one thread's.
template <typename Definition>
void launch(Definition definition, std::vector<Halide::Var> dimensions) {
  using namespace Halide;
  if (dimensions.empty()) {
    definition.gpu_single_thread();
    return;
  }
  const Var thread("thread");
  Var all = dimensions[0];
  for (size_t d = 1; d < dimensions.size(); d++) {
    const Var next("all");
    definition.fuse(all, dimensions[d], next);
    all = next;
  }
  definition.gpu_tile(all, thread, kThreads, TailStrategy::GuardWithIf);
}

// The stage stored once, one thread an element; of updates a thread all that goes to other places than its own.
inline void launch_stored(Halide::Func stage) {
  stage.compute_root();
  launch(stage, stage.args());
  for (int u = 0; u < stage.num_update_definitions(); u++) launch(stage.update(u), plain_axes(stage, u));
}

inline void launch_every_stage(Plan &plan) {
  for (const auto &[name, stage] : plan.stages.all()) launch_stored(stage);
}

// Backward, plain: no stage is computed twice. No atomics: what several terms are added to is one thread's, in the
// order of the terms.
inline void launch_every_gradient(Plan &plan) {
  launch_every_stage(plan);
  for (const auto &[name, stage] : plan.gradients.all()) launch_stored(stage);
}

// As launch(), for definitions that compute other stages by the thread: a block is a tile of 8 channels (a panel of
// packed weights) and 8 columns. Of an index that the two share Halide would not see that a thread needs one element of
// those stages, and would take memory for rows of it.
inline void launch_tiles(Halide::Func &output, const Halide::Var &thread) {
  using namespace Halide;
  constexpr int kTile = 8;
  const std::vector<Var> dimensions = output.args();
  if (dimensions.size() != 4 && dimensions.size() != 5)
    throw std::runtime_error("launch_tiles: " + output.name() + " is neither of pictures nor of clips");
  const Var c = dimensions[0], x = dimensions[1], column("column");
  output.tile(c, x, thread, column, kTile, kTile, TailStrategy::GuardWithIf);
  // A grid has three indices, of which the first has no limit: rows and pictures; of clips, frames and clips, and their
  // channels come in turn. (Three dimensions in one index would again be too many.)
  if (dimensions.size() == 5) {
    const Var frames("frames");
    output.fuse(dimensions[3], dimensions[4], frames).reorder(thread, column, c, frames, x, dimensions[2]);
    output.gpu_blocks(frames, x, dimensions[2]);
  } else {
    const Var rows("rows");
    output.fuse(dimensions[2], dimensions[3], rows).reorder(thread, column, rows, x, c).gpu_blocks(rows, x, c);
  }
  output.gpu_threads(thread, column);
}

// One thread an output element; its sum in a register.
inline void launch_output(Plan &plan) {
  const Halide::Var thread("thread");
  Halide::Func &output = plan.stages["output"];
  if (!plan.stages.has("sum")) return launch(output, output.args());
  launch_tiles(output, thread);
  plan.stages["sum"].compute_at(output, thread);
}

}  // namespace sluice
