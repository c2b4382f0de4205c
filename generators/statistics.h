// SPDX-License-Identifier: Apache-2.0
// Means and variances over parts of a tensor, for the norm layers.
//
// Moments of a set are its mean and `square`, the sum of (v - mean)^2. Those of a row (one channel of one row of
// pixels) are taken in two passes over the row; those of a union of equal parts of m values follow from the parts'
// moments,
//   mean = mean over parts of mean_p,  square = sum over parts of square_p + m * (mean_p - mean)^2
// (Chan, Golub and LeVeque, Algorithms for Computing the Sample Variance, The American Statistician 37, 1983): nothing
// cancels, memory is read once, and the order of summation is fixed by the shape.
#pragma once
#include "layer_generators.h"
#include "tensor_extents.h"

namespace sluice {

// Moments of parts: stages <name>_mean and <name>_square, each of so many values.
struct Moments {
  std::string name;
  Halide::Expr values;

  Halide::Expr mean(Stages &stages, const std::vector<Halide::Expr> &at) const { return stages[name + "_mean"](at); }
  Halide::Expr square(Stages &stages, const std::vector<Halide::Expr> &at) const {
    return stages[name + "_square"](at);
  }
  Halide::Expr variance(Stages &stages, const std::vector<Halide::Expr> &at) const {
    return square(stages, at) / values;
  }
};

// Extent of an axis of the input in the element type.
inline Halide::Expr extent_of(const Context &in, const std::string &axis) {
  return Halide::cast(in.element, in["input"].extent.at(axis));
}

// Moments at `args` of the union of `count` parts; part r of the union lies at `parts`. What reads a sum is a stage
// without one: backward then stores the adjoint of the sum instead of adding it up again for every reader.
inline Moments union_of(const Moments &part, const std::string &name, Stages &stages, const Context &in,
                        const std::vector<Halide::Var> &args, const std::vector<Halide::Expr> &parts,
                        const Halide::Expr &count) {
  const std::vector<Halide::Expr> at(args.begin(), args.end());
  Halide::Func &total = stages.add(name + "_total"), &mean = stages.add(name + "_mean"),
               &deviation = stages.add(name + "_deviation"), &square = stages.add(name + "_square");
  total(args) = in.constant(0);
  total(at) += part.mean(stages, parts);
  mean(args) = total(at) / count;
  const Halide::Expr away = part.mean(stages, parts) - mean(at);
  deviation(args) = in.constant(0);
  deviation(at) += part.square(stages, parts) + part.values * away * away;
  square(args) = deviation(at);
  return {name, part.values * count};
}

// Moments of every row of every channel, at (c, y, n): the sum "row_total" makes "row_center", that the sum
// "row_deviation"; "row" holds both, so that one task makes them of a row it finds in the cache.
inline Moments row_moments(Stages &stages, const Context &in) {
  const Halide::Var c("c"), y("y"), n("n");
  const Operand &input = in["input"];
  const Halide::RDom r(0, input.extent.at("x")), q(0, input.extent.at("x"));
  Halide::Func &total = stages.add("row_total"), &center = stages.add("row_center"),
               &deviation = stages.add("row_deviation"), &row = stages.add("row"), &mean = stages.add("row_mean"),
               &square = stages.add("row_square");
  total(c, y, n) = in.constant(0);
  total(c, y, n) += input(c, r, y, n);
  center(c, y, n) = total(c, y, n) / extent_of(in, "x");
  const Halide::Expr away = input(c, q, y, n) - center(c, y, n);
  deviation(c, y, n) = in.constant(0);
  deviation(c, y, n) += away * away;
  row(c, y, n) = Halide::Tuple(center(c, y, n), deviation(c, y, n));
  mean(c, y, n) = row(c, y, n)[0];
  square(c, y, n) = row(c, y, n)[1];
  return {"row", extent_of(in, "x")};
}

// Moments of every channel of every picture, at (c, n).
inline Moments plane_moments(Stages &stages, const Context &in) {
  const Halide::Var c("c"), n("n");
  const Halide::RDom r(0, in["input"].extent.at("y"));
  return union_of(row_moments(stages, in), "plane", stages, in, {c, n}, {c, r, n}, extent_of(in, "y"));
}

// Moments of every channel of all pictures, at (c).
inline Moments batch_moments(Stages &stages, const Context &in) {
  const Halide::Var c("c");
  const Halide::RDom r(0, in["input"].extent.at("n"));
  return union_of(plane_moments(stages, in), "batch", stages, in, {c}, {c, r}, extent_of(in, "n"));
}

// (input - mean) * scale + bias at (c, x, y, n); the three, at (c, n), are stages "center", "gain" and "offset".
inline Halide::Expr normalised(Stages &stages, const Context &in, const Halide::Expr &mean, const Halide::Expr &scale,
                               const Halide::Expr &bias) {
  const Halide::Var c("c"), x("x"), y("y"), n("n");
  Halide::Func &center = stages.add("center"), &gain = stages.add("gain"), &offset = stages.add("offset");
  center(c, n) = mean;
  gain(c, n) = scale;
  offset(c, n) = bias;
  return (in["input"](c, x, y, n) - center(c, n)) * gain(c, n) + offset(c, n);
}
// ... as stage "output".
inline void normalise(Stages &stages, const Context &in, const Halide::Expr &mean, const Halide::Expr &scale,
                      const Halide::Expr &bias) {
  const Halide::Var c("c"), x("x"), y("y"), n("n");
  const Halide::Expr value = normalised(stages, in, mean, scale, bias);
  stages.add("output")(c, x, y, n) = value;
}

}  // namespace sluice
