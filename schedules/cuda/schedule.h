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

// As launch(), for definitions that compute other stages by the thread: a block is a tile of 8 by 8 of the first two
// axes, channels (a panel of packed weights) and columns; of fewer than three axes 64 of the first. Of an index that
// the two share Halide would not see that a thread needs one element of those stages, and would take memory for rows of
// it.
inline void launch_tiles(Halide::Func &stage, const Halide::Var &thread) {
  using namespace Halide;
  constexpr int kTile = 8;
  const std::vector<Var> axes = stage.args();
  const Var column("column"), rest("rest");
  if (axes.size() < 3) {
    stage.split(axes[0], axes[0], thread, kThreads, TailStrategy::GuardWithIf).gpu_blocks(axes[0]).gpu_threads(thread);
    if (axes.size() == 2) stage.gpu_blocks(axes[1]);
    return;
  }
  const Var c = axes[0], x = axes[1];
  stage.tile(c, x, thread, column, kTile, kTile, TailStrategy::GuardWithIf);
  // A grid has three indices, of which the first has no limit: rows and pictures; of clips, frames and clips, and their
  // channels come in turn. (Three dimensions in one index would again be too many.)
  if (axes.size() == 3) {
    stage.reorder(thread, column, axes[2], x, c).gpu_blocks(axes[2], x, c);
  } else if (axes.size() == 4) {
    stage.fuse(axes[2], axes[3], rest).reorder(thread, column, rest, x, c).gpu_blocks(rest, x, c);
  } else if (axes.size() == 5) {
    stage.fuse(axes[3], axes[4], rest).reorder(thread, column, c, rest, x, axes[2]).gpu_blocks(rest, x, axes[2]);
  } else {
    throw std::runtime_error("launch_tiles: " + stage.name() + " has too many axes");
  }
  stage.gpu_threads(thread, column);
}

// The stage stored once; the sums that only it reads, each for itself, are its threads', in registers.
inline void launch_with_sums(Plan &plan, const std::string &name, const std::vector<std::string> &sums) {
  const Halide::Var thread("thread");
  Halide::Func &stage = plan.stages[name];
  if (name != "output") stage.compute_root();
  launch_tiles(stage, thread);
  for (const std::string &sum : sums) plan.stages[sum].compute_at(stage, thread);
}

// A sum stored once, by threads that make it in registers: what reads it reads the copy.
inline Halide::Func launch_sum(Halide::Func sum) {
  const Halide::Var thread("thread");
  Halide::Func stored = sum.in();
  stored.compute_root();
  launch_tiles(stored, thread);
  sum.compute_at(stored, thread);
  return stored;
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
