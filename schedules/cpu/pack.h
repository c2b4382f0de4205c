// SPDX-License-Identifier: Apache-2.0
// How parameters are brought into the order their layer reads them in, when weights are loaded.
#pragma once
#include "generators/layer.h"

namespace sluice {

// packed: a packed port; extents: its, innermost first. between: the other stages of pack(). Of vectors, axes of known
// extent are the points of a transform: one after the other, with stages between, the terms that they share, computed
// once for all.
inline void schedule_packed(Halide::Func &packed, const Port &port, const std::vector<Halide::Expr> &extents,
                            const std::map<std::string, Halide::Func> &between, int lanes) {
  const std::vector<Halide::Var> args = packed.args();
  if (args.size() > 2) packed.parallel(args.back());
  if (port.axes[0].extent != "lanes") return;
  std::vector<Halide::VarOrRVar> order = {args[0]}, rest;
  for (size_t d = 1; d < args.size(); d++) {
    const bool is_point = port.axes[d].extent.empty() && Halide::Internal::as_const_int(extents[d]).has_value();
    if (is_point) packed.unroll(args[d]);
    (is_point ? order : rest).push_back(args[d]);
  }
  order.insert(order.end(), rest.begin(), rest.end());
  packed.vectorize(args[0], lanes).reorder(order);
  for (const auto &[name, stage] : between)
    Halide::Func(stage).compute_at(packed, rest.front().var).vectorize(stage.args()[0], lanes);
}

// 96 to 96 gated, F(4x4, 3x3), 1 thread of an AMD EPYC (Zen 5), 2026-11-22: 0.60 ms, AVX2 0.59; with every point by
// itself, taps and all, 2.3 and 3.3. A quarter of it is dividing by the spectral norm.
}  // namespace sluice
