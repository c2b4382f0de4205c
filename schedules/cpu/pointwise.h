// SPDX-License-Identifier: Apache-2.0
// How layers without a sum are computed on a CPU.
#pragma once
#include <algorithm>
#include <vector>

#include "schedules/cpu/input_buffers.h"

namespace sluice {

// Conditions worth a loop of their own: the values of the stages <port>_has_channels (generators/broadcast.h).
inline std::vector<Halide::Expr> broadcast_conditions(const Plan &plan) {
  const std::string ending = "_has_channels";
  std::vector<Halide::Expr> conditions;
  for (const auto &[name, stage] : plan.stages.all()) {
    if (name.size() > ending.size() && name.ends_with(ending)) conditions.push_back(stage.value());
  }
  return conditions;
}

// Vectors along channels, with a loop for each combination of operands that have all channels or one: their index is
// then dense or constant.
inline void vectorize_channels(Halide::Stage stage, const Halide::Expr &wide, const Plan &plan) {
  using namespace Halide;
  const Var c("c");
  const std::vector<Expr> conditions = broadcast_conditions(plan);
  for (size_t bits = 0; bits < size_t{1} << conditions.size(); bits++) {
    Expr fits = wide;
    for (size_t i = 0; i < conditions.size(); i++)
      fits = fits && ((bits >> i & 1) == 0 ? conditions[i] : !conditions[i]);
    stage.specialize(fits).vectorize(c, plan.lanes(), TailStrategy::GuardWithIf);
  }
}

// Vectors along whole rows of pictures and masks whose pixels touch. All inputs have so many channels, but for
// `single`, an index among them, which has one.
inline void vectorize_dense_rows(Halide::Func &output, int channels, size_t single, const Plan &plan) {
  using namespace Halide;
  const Var c("c"), x("x"), pixel("pixel");
  const OutputImageParam made = output.output_buffer();
  Expr fits = made.dim(0).extent() == channels && made.dim(1).stride() == channels;
  const std::vector<InputBuffer> inputs = input_buffers(output);
  for (size_t i = 0; i < inputs.size(); i++) {
    const int own = i == single ? 1 : channels;
    fits = fits && inputs[i].extent(0) == own && inputs[i].stride(1) == own && inputs[i].extent(1) > 1;
  }
  output.specialize(fits)
      .split(x, x, pixel, plan.lanes(), TailStrategy::GuardWithIf)
      .reorder(c, pixel, x)
      .vectorize(c, channels, TailStrategy::GuardWithIf)
      .vectorize(pixel);
}

// Does the output read all its inputs at its own position, with its own dimensions?
inline bool is_elementwise(const Plan &plan, const Halide::Func &output) {
  const std::vector<InputBuffer> inputs = input_buffers(output);
  return plan.stages.all().size() == 1 + broadcast_conditions(plan).size() &&
         std::all_of(inputs.begin(), inputs.end(),
                     [&](const InputBuffer &input) { return input.dimensions() == output.dimensions(); });
}

// Rows in parallel; vectors along channels where there are enough of them, else along the row.
inline void compute_pointwise(Plan &plan) {
  using namespace Halide;
  const Var c("c"), x("x"), y("y"), n("n"), row("row");
  Func &output = plan.stages["output"];
  for (const auto &entry : plan.stages.all()) {
    if (entry.first != "output") Func(entry.second).compute_root();
  }
  output.fuse(y, n, row).parallel(row, 8, TailStrategy::GuardWithIf);
  vectorize_channels(output, output.output_buffer().dim(0).extent() >= plan.lanes(), plan);
  if (is_elementwise(plan, output)) {
    constexpr int kPicture = 3;
    const size_t inputs = input_buffers(output).size();
    vectorize_dense_rows(output, 1, inputs, plan);
    for (size_t single = inputs > 1 ? 0 : inputs; single <= inputs; single++)
      vectorize_dense_rows(output, kPicture, single, plan);
  }
  output.reorder(x, c, row).vectorize(x, plan.lanes(), TailStrategy::GuardWithIf);
}

// The gradient of the one tensor that such a layer reads: in one pass over its rows, adjoints computed where they are
// read.
inline void differentiate_pointwise(Plan &plan) {
  Halide::Func &gradient = plan.gradients["grad_input"];
  const std::vector<Halide::Var> axes = gradient.args();  // c, x, y, n
  gradient.parallel(axes[2]).vectorize(axes[0], plan.lanes(), Halide::TailStrategy::GuardWithIf);
}

}  // namespace sluice
