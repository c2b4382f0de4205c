// SPDX-License-Identifier: Apache-2.0
// How the norm layers are computed on a CPU: rows of moments, the small sums of them, then the pointwise rest.
#pragma once
#include "schedules/cpu/pointwise.h"
#include "schedules/cpu/schedule.h"

namespace sluice {

constexpr int kRowVectors = 16;  // channels of a task, in vectors
constexpr int kPixels = 4;       // added to a sum in memory at once
constexpr int kRows = 4;         // of a task

// Adds up pixels of a row, several at a time, channels side by side.
inline void sum_row(Halide::Func &sum, int lanes) {
  using namespace Halide;
  const Var c("c"), ci("ci");
  const RVar pixel = sum.rvars()[0], pi("pi");
  sum.vectorize(c, lanes, TailStrategy::GuardWithIf);
  sum.update()
      .split(c, c, ci, lanes, TailStrategy::GuardWithIf)
      .split(pixel, pixel, pi, kPixels, TailStrategy::GuardWithIf)
      .reorder(ci, pi, c, pixel)
      .vectorize(ci)
      .unroll(pi);
}

// Both passes over a row, for kRowVectors vectors of channels: the second finds them in the cache. Rows in parallel; a
// picture of one row (a tensor n c, n c l) is parallel over its channels.
inline void compute_rows(Plan &plan) {
  using namespace Halide;
  const Var c("c"), y("y"), n("n"), ci("ci"), line("line");
  const int lanes = plan.lanes();
  Func &row = plan.stages["row"];
  row.compute_root()
      .split(c, c, ci, kRowVectors * lanes, TailStrategy::GuardWithIf)
      .vectorize(ci, lanes, TailStrategy::GuardWithIf)
      .fuse(y, n, line);
  const OutputImageParam output = plan.stages["output"].output_buffer();
  row.specialize(output.dim(2).extent() * output.dim(3).extent() == 1).parallel(c);
  row.parallel(line, kRows, TailStrategy::GuardWithIf);
  for (const char *name : {"row_total", "row_center", "row_deviation"})
    plan.stages[name].compute_at(row, c).store_in(MemoryType::Stack).bound_storage(c, kRowVectors * lanes);
  sum_row(plan.stages["row_total"], lanes);
  sum_row(plan.stages["row_deviation"], lanes);
  plan.stages["row_center"].vectorize(c, lanes, TailStrategy::GuardWithIf);
}

// Sums over rows, pictures and groups, vectors along the first axis.
inline void compute_norm(Plan &plan) {
  using namespace Halide;
  const std::string rows[] = {"row_total", "row_center", "row_deviation", "row", "row_mean", "row_square"};
  compute_pointwise(plan);
  for (const auto &[name, stage] : plan.stages.all()) {
    if (name == "output" || std::find(std::begin(rows), std::end(rows), name) != std::end(rows)) continue;
    Func small = stage;
    const Var first = small.args()[0];
    small.vectorize(first, plan.lanes(), TailStrategy::GuardWithIf);
    for (int u = 0; u < small.num_update_definitions(); u++)
      small.update(u).reorder(first, small.rvars(u)[0]).vectorize(first, plan.lanes(), TailStrategy::GuardWithIf);
  }
  if (!plan.stages.has("row")) return;
  for (const char *name : {"row_mean", "row_square"}) plan.stages[name].compute_inline();
  compute_rows(plan);
}

// Backward: every stage stored once, vectors along channels and, where pictures are an axis of the result, those in
// parallel. An update that sums over an axis of its stage keeps its order.
inline void store_norm_stages(Plan &plan) {
  using namespace Halide;
  const auto stays = [](Func &stage, int update, size_t axis) {
    const auto *variable = stage.update_args(update)[axis].as<Internal::Variable>();
    return variable != nullptr && variable->name == stage.args()[axis].name();
  };
  for (const auto &list : {plan.stages.all(), plan.gradients.all()}) {
    for (const auto &entry : list) {
      Func stage = entry.second;
      const std::vector<Var> args = stage.args();
      const size_t last = args.size() - 1;
      stage.compute_root().vectorize(args[0], plan.lanes(), TailStrategy::GuardWithIf);
      if (last > 0) stage.parallel(args[last]);
      for (int u = 0; u < stage.num_update_definitions(); u++) {
        if (!stays(stage, u, 0)) continue;
        std::vector<VarOrRVar> order{args[0]};
        for (const RVar &r : stage.rvars(u)) order.push_back(r);
        stage.update(u).reorder(order).vectorize(args[0], plan.lanes(), TailStrategy::GuardWithIf);
        if (last > 0 && stays(stage, u, last)) stage.update(u).parallel(args[last]);
      }
    }
  }
}

}  // namespace sluice
