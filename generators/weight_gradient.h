// SPDX-License-Identifier: Apache-2.0
// The gradient of a 3x3 convolution's weight by Winograd's minimal filtering. With the transforms of winograd.h a
// tile's results are A^T (G w G^T . B^T x B) A, . by element and summed over input channels; so
//   dw = G^T (sum over tiles of (A dy A^T) (B^T x B)) G,
// 36 products of an input with an output channel a tile instead of 144 (stride 2: 49 instead of 81). It stands beside
// the kernel that autodiff derives (BackwardGenerator, part=linear), for the nodes whose forward kernel has the
// transform.
//
// Tiles are numbered over phases (of dilations), pixels and pictures, and computed a chunk at a time: what is
// transformed of a chunk stays in the caches while every point's product passes over it. The order of a sum depends on
// shapes alone.
#pragma once
#include "winograd.h"

namespace sluice {

// Stage `weight` is the gradient, of the extents of the weight.
class WeightGradient {
 public:
  // A chunk has no more tiles than this.
  static constexpr int kTiles = 192;

  WeightGradient(const Context &in, const winograd::Transform &transform, const ConvolutionInput &input, bool doubled)
      : in_(in), transform_(transform), across_(input.across()), down_(input.down()), doubled_(doubled) {}

  // `grad_output`: an operand like the layer's output.
  void define(Stages &stages, const std::string &weight) {
    define_places(stages);
    define_input_transform(stages);
    define_gradient_transform(stages);
    define_products(stages);
    define_weight(stages, weight);
  }

 private:
  const Context &in_;
  const winograd::Transform &transform_;
  ConvolutionAxis across_, down_;
  bool doubled_;

  Halide::Expr tiles_across() const {
    return winograd::tiles_along(transform_.across, across_, in_.scalar("dilation_w"));
  }
  Halide::Expr tiles_down() const { return winograd::tiles_along(transform_.down, down_, in_.scalar("dilation_h")); }
  Halide::Expr all_tiles() const { return tiles_across() * tiles_down() * in_["input"].extent.at("n"); }
  Halide::Expr chunks() const { return Halide::max((all_tiles() + kTiles - 1) / kTiles, 1); }
  Halide::Expr tiles_of_chunk() const { return (all_tiles() + chunks() - 1) / chunks(); }

  // Which column and row of input and output a sample or result of tile t of chunk b is; all bits where there is one.
  void define_places(Stages &stages) const {
    const Halide::Var t("t"), b("b");
    const Halide::Expr number = b * tiles_of_chunk() + t, within = number % (tiles_across() * tiles_down());
    stages.add("tile_n")(t, b) =
        Halide::clamp(number / (tiles_across() * tiles_down()), 0, in_["input"].extent.at("n") - 1);
    stages.add("tile_bits")(t, b) = Halide::select(number < all_tiles(), -1, 0);
    const auto &extent = in_["input"].extent;
    define_line(stages, "column", within % tiles_across(), transform_.across, across_, extent.at("x"),
                in_.scalar("dilation_w"));
    define_line(stages, "row", within / tiles_across(), transform_.down, down_, extent.at("y"),
                in_.scalar("dilation_h"));
  }
  void define_line(Stages &stages, const std::string &name, const Halide::Expr &tile, const winograd::Filter &filter,
                   const ConvolutionAxis &axis, const Halide::Expr &stored, const Halide::Expr &dilation) const {
    const Halide::Var s("s"), t("t"), b("b");
    Halide::Func &first = stages.add(name + "_first");
    first(t, b) = winograd::first_result(tile, filter, axis, dilation);
    const Halide::Expr result = first(t, b) + s * dilation;
    const Halide::Expr sample = winograd::first_sample(first(t, b), filter, axis) + s * dilation;
    const Halide::Expr own = doubled_ ? sample / 2 : sample, known = stages["tile_bits"](t, b);
    stages.add("input_" + name)(s, t, b) = Halide::clamp(own, 0, Halide::max(stored - 1, 0));
    stages.add("input_" + name + "_bits")(s, t, b) = Halide::select(sample >= 0 && sample < axis.size, known, 0);
    stages.add("output_" + name)(s, t, b) = Halide::clamp(result, 0, axis.extent - 1);
    stages.add("output_" + name + "_bits")(s, t, b) = Halide::select(result < axis.extent, known, 0);
  }

  // transform_line(filter, point, samples) along columns, then along rows, of one tile of `operand`.
  template <typename Transform>
  void define_transform(Stages &stages, const std::string &of, const Operand &operand, int wide, int high,
                        Transform transform_line) const {
    using namespace Halide;
    const Var c("c"), j("j"), i("i"), s("s"), t("t"), b("b");
    winograd::Terms samples, columns;
    for (int m = 0; m < high; m++) {
      const Expr value =
          operand.stored(c, stages[of + "_column"](s, t, b), stages[of + "_row"](m, t, b), stages["tile_n"](t, b));
      samples.push_back(winograd::masked(value, stages[of + "_row_bits"](m, t, b)));
    }
    Func &column = stages.add(of + "_columns"), &tile = stages.add(of + "_transformed");
    column(c, s, i, t, b) =
        winograd::masked(transform_line(transform_.down, i, samples), stages[of + "_column_bits"](s, t, b));
    for (int number = 0; number < wide; number++) columns.push_back(column(c, number, i, t, b));
    tile(c, t, j, i, b) = transform_line(transform_.across, j, columns);
  }
  void define_input_transform(Stages &stages) const {
    define_transform(stages, "input", in_["input"], transform_.across.samples(), transform_.down.samples(),
                     [](const winograd::Filter &filter, const Halide::Expr &point, const winograd::Terms &samples) {
                       return filter.input_transform(point, samples);
                     });
  }
  void define_gradient_transform(Stages &stages) const {
    define_transform(stages, "output", in_["grad_output"], transform_.across.results(), transform_.down.results(),
                     [](const winograd::Filter &filter, const Halide::Expr &point, const winograd::Terms &results) {
                       return filter.transposed_output_transform(point, results);
                     });
  }

  // By point: the sum over all tiles.
  void define_products(Stages &stages) const {
    using namespace Halide;
    const Var o("o"), i("i"), j("j"), k("k"), b("b");
    const RDom t(0, tiles_of_chunk()), chunk(0, chunks());
    const Expr own = unsafe_promise_clamped(o, 0, in_["grad_output"].extent.at("c") - 1);
    const Expr from = unsafe_promise_clamped(i, 0, in_["input"].extent.at("c") - 1);
    Func &product = stages.add("products"), &sum = stages.add("sums");
    product(o, i, j, k, b) = in_.constant(0);
    product(o, i, j, k, b) +=
        stages["input_transformed"](from, t, j, k, b) * stages["output_transformed"](own, t, j, k, b);
    sum(o, i, j, k) = in_.constant(0);
    sum(o, i, j, k) += product(o, i, j, k, chunk);
  }

  void define_weight(Stages &stages, const std::string &name) const {
    using namespace Halide;
    const Var o("o"), i("i"), j("j"), kx("kx"), ky("ky");
    winograd::Terms down, across;
    Func &row = stages.add("weight_rows"), &weight = stages.add("weight");
    for (int k = 0; k < transform_.down.points(); k++) down.push_back(stages["sums"](o, i, j, k));
    row(o, i, j, ky) = transform_.down.transposed_weight_transform(ky, down);
    for (int k = 0; k < transform_.across.points(); k++) across.push_back(row(o, i, k, ky));
    weight(o, i, kx, ky) = transform_.across.transposed_weight_transform(kx, across);
    stages.add(name)(kx, ky, i, o) = weight(o, i, kx, ky);
  }
};

// Inputs: every tensor and scalar of the forward kernel, then grad_<output>. Outputs: grad_<port> of the parameters of
// linear(). Stages: weight_gradient(context), which have those names.
template <typename Layer>
class WeightGradientGenerator : public LayerGenerator<Layer, WeightGradientGenerator<Layer>> {
 public:
  void configure() {
    for (const Port &port : this->layer.inputs()) this->add_input_port(port);
    this->add_scalars();
    this->add_input_port(upstream());
    for (const Port &port : wanted()) this->add_output_port("grad_" + port.name, port);
  }

  void generate() {
    Plan plan = this->start(joined(this->layer.inputs(), {upstream()}), false);
    plan.stages = this->layer.weight_gradient(this->context_);
    for (const Port &port : wanted()) {
      const std::string name = "grad_" + port.name;
      *this->outputs_[name] = plan.stages[name];
      const std::vector<Halide::Expr> extents = this->layer.extents(this->context_, name);
      for (int d = 0; d < dimensions(port); d++)
        this->outputs_[name]->dim(d).set_bounds(0, extents[static_cast<size_t>(d)]);
    }
    apply_schedule(Layer::kName, "weight_gradient", plan, this->schedule_folder);
  }

 private:
  Port upstream() const {
    Port port = this->layer.outputs()[0];
    port.name = "grad_" + port.name;
    return port;
  }
  std::vector<Port> wanted() const {
    std::vector<Port> ports;
    for (const Port &port : this->layer.parameters()) {
      if (this->layer.linear().count(port.name) != 0) ports.push_back(port);
    }
    return ports;
  }
};

}  // namespace sluice

#define SLUICE_REGISTER_WEIGHT_GRADIENT(Layer, layer) \
  HALIDE_REGISTER_GENERATOR(sluice::WeightGradientGenerator<Layer>, layer##_weight_gradient)
