// SPDX-License-Identifier: Apache-2.0
// Resampling to output_size = h,w, or to floor(size * scale). Positions follow from the two sizes alone (with a scale
// that leaves a remainder, PyTorch calls that recompute_scale_factor). With i of `out` positions along an axis of `in`:
//   nearest_floor           floor(i * in / out) (PyTorch, TensorFlow without align_corners)
//   nearest_align_corners   round(i * (in - 1) / (out - 1)) in float32, halves away from zero, as TensorFlow computes
//   it
//                           (JiahuiYu/neuralgym: resize with align_corners=True)
//   bilinear_align_corners  between the neighbours of i * (in - 1) / (out - 1)
//   bilinear                between the neighbours of (i + 1/2) * in / out - 1/2, not below 0 (half-pixel centres)
// Bilinear positions are exact quotients of integers, so their fractions have one rounding.
#include "layer_generators.h"
#include "nearest.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct Resize : sluice::LayerDefaults {
  static constexpr const char *kName = "resize";
  static constexpr const char *kSummary =
      "output(x, y) = input at (x, y) * size / output size, output_size = h,w or size * scale; nearest or bilinear";
  GeneratorParam<std::string> mode{"mode", "nearest_floor+nearest_align_corners"};

  std::vector<Port> inputs() const { return {sluice::tensor("input")}; }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"mode",
             Kind::variant,
             "nearest_floor",
             {},
             {},
             {"nearest_floor+nearest_align_corners", "bilinear_align_corners+bilinear"}},
            {"output_size", Kind::integer, "0", {"output_h", "output_w"}, {}, {}},
            {"scale", Kind::real, "0", {"scale_h", "scale_w"}, {}, {}}};
  }
  std::map<std::string, std::string> variants() const { return {{"mode", mode.value()}}; }
  std::vector<Expr> extents(const Context &in, const std::string &) const {
    const auto &e = in["input"].extent;
    return {e.at("c"), size(in, "x", "w"), size(in, "y", "h"), e.at("n")};
  }
  Stages define(Context &in) const {
    Stages stages;
    const Var c("c"), x("x"), y("y"), n("n");
    const sluice::Operand &input = in["input"];
    if (mode.value() == "nearest_floor+nearest_align_corners") {
      const Func column = nearest(in, stages.add("column"), input.extent.at("x"), size(in, "x", "w"));
      const Func row = nearest(in, stages.add("row"), input.extent.at("y"), size(in, "y", "h"));
      stages.add("output")(c, x, y, n) = input(c, column(x), row(y), n);
      return stages;
    }
    const Neighbours across(in, stages, "column", input.extent.at("x"), size(in, "x", "w"));
    const Neighbours down(in, stages, "row", input.extent.at("y"), size(in, "y", "h"));
    const auto on_row = [&](const Func &row) {
      return across.mix(x, input(c, across.first(x), row(y), n), input(c, across.second(x), row(y), n));
    };
    const Expr mixed = down.mix(y, on_row(down.first), on_row(down.second));
    // The same roundings in whole vectors and in what is left of a row. (Autodiff knows no strict_float.)
    stages.add("output")(c, x, y, n) = in.backward ? mixed : strict_float(mixed);
    return stages;
  }

 private:
  // The slack makes up for the rounding of a scale such as 1/3.0.
  static Expr size(const Context &in, const std::string &axis, const std::string &side) {
    const Expr given = in.scalar("output_" + side), scale = cast<float>(in.scalar("scale_" + side));
    const Expr scaled = cast<float>(in["input"].extent.at(axis)) * scale * (1 + 3e-7f);
    return select(given > 0, given, cast<int>(floor(scaled)));
  }

  static Func nearest(const Context &in, Func &table, const Expr &input, const Expr &output) {
    const Var i("i");
    table(i) = select(in.scalar("mode_kind") == 0, sluice::nearest(i, input, output, false),
                      sluice::nearest(i, input, output, true));
    return table;
  }

  // The two positions that position i lies between, and how near it is to the second.
  struct Neighbours {
    Func first, second, fraction;

    Neighbours(const Context &in, Stages &stages, const std::string &name, const Expr &input, const Expr &output)
        : first(stages.add(name)), second(stages.add(name + "_next")), fraction(stages.add(name + "_fraction")) {
      const Var i("i");
      const Expr corners = in.scalar("mode_kind") == 0;
      const Expr numerator = select(corners, i * (input - 1), max((2 * i + 1) * input - output, 0));
      const Expr denominator = select(corners, max(output - 1, 1), 2 * output);
      first(i) = clamp(numerator / denominator, 0, input - 1);
      second(i) = min(first(i) + 1, input - 1);
      fraction(i) = cast(in.element, numerator % denominator) / cast(in.element, denominator);
    }
    Expr mix(const Var &i, const Expr &a, const Expr &b) const {
      return a * (Internal::make_one(a.type()) - fraction(i)) + b * fraction(i);
    }
  };
};

SLUICE_REGISTER_LAYER(Resize, resize)
