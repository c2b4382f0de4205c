// SPDX-License-Identifier: Apache-2.0
// Convolution by Winograd's minimal filtering: of stride 1, F(4x4, 3x3), 36 products for 16 results of 9 taps each, a
// quarter of the direct sum's; of stride 2, 49 for 9 results, 0.6 of the direct sum's. For 3x3 kernels, any dilation
// and padding, of the input as it is or enlarged by 2. Source: Lavin and Gray, Fast Algorithms for Convolutional Neural
// Networks (arXiv 1509.09308), with the points 0,
// +-sqrt(1/2), +-sqrt(2), infinity, whose rounding errors are a fifth of those of 0, +-1, +-2. A stride of 2 is the sum
// of two filters of stride 1, one over the even samples with taps 0 and 2, F(3, 2), one over the odd ones with tap 1.
//
// A dilated convolution is d_w * d_h plain ones on interleaved pixels (phases; no more than there are pixels). All
// tiles of all phases and pictures have one number; `tiles` of them are computed together, so that their transformed
// input stays in cache while the panels of output channels pass by.
#pragma once
#include "convolution.h"
#include "minimal_filter.h"

namespace sluice::winograd {

// The filter of a value of the attribute `transform`, along both axes.
inline bool is_transform(const std::string &transform) {
  return transform == "winograd" || transform == "halved_winograd" || transform == "strided_winograd";
}
// Are both sums of a channel in one vector, half of it each? 8 to 15 and 17 to 24 gated channels fill vectors of 16
// better so. Where vectors are of 8, this is the plain transform by another name.
inline bool is_halved(const std::string &transform, int lanes) { return transform == "halved_winograd" && lanes == 16; }

inline const Filter &filter(const std::string &transform) {
  static const Filter plain(3, 1, 4, {std::sqrt(0.5), std::sqrt(2.0)}), strided(3, 2, 3, {1.0});
  return transform == "strided_winograd" ? strided : plain;
}

// G w G^T at (point_x, point_y), in double and rounded once. weight(kx, ky): a tap.
template <typename Weight>
Halide::Expr transformed_weight(const Filter &filter, const Halide::Expr &point_x, const Halide::Expr &point_y,
                                Weight weight) {
  Terms rows;
  Halide::Type element;
  for (int ky = 0; ky < filter.taps(); ky++) {
    Terms taps;
    for (int kx = 0; kx < filter.taps(); kx++) {
      const Halide::Expr tap = weight(kx, ky);
      element = tap.type();
      taps.push_back(Halide::cast<double>(tap));
    }
    rows.push_back(filter.weight_transform(point_x, taps));
  }
  return Halide::cast(element, filter.weight_transform(point_y, rows));
}

// Where a panel of `width` output channels begins: all are full, the last one may hold some of the one before it once
// more.
inline Halide::Expr first_channel(const Halide::Expr &panel, const Halide::Expr &channels, int width) {
  return Halide::min(panel * width, channels - width);
}

// The stages of a layer whose results come from `sums` convolutions of one input, with weights packed as
// packed_weight(lane, vector, i, point_x, point_y, panel): two vectors a panel, of one sum or of one each, or a vector
// that has half of its lanes for each.
class Convolution {
 public:
  // doubled: the input is enlarged by 2.
  Convolution(const Context &in, const Filter &filter, const ConvolutionAxis &across, const ConvolutionAxis &down,
              bool doubled, const Halide::Expr &channels, int sums, int vectors = 2)
      : in_(in),
        filter_(filter),
        across_(across),
        down_(down),
        doubled_(doubled),
        channels_(channels),
        sums_(sums),
        lanes_(in.lanes),
        width_(vectors * lanes_ / sums) {}

  // value(c, sums): a result of the layer in channel c from its sums, one a convolution.
  template <typename Value>
  void define(Stages &stages, Value value) {
    define_tiles(stages);
    define_transforms(stages);
    const Halide::Expr blocks = (all_tiles() + tiles() - 1) / tiles();
    const Halide::Expr panels = (channels_ + width_ - 1) / width_;
    const int results = filter_.results(), lanes = std::min(lanes_, width_);
    const Halide::RDom r(0, lanes, 0, width_ / lanes, 0, results, 0, results, 0, tiles(), 0, panels, 0, blocks);
    const Halide::Expr within = r[1] * lanes + r[0], j = r[2], i = r[3], t = r[4], panel = r[5], block = r[6];
    const Halide::Expr c = first_channel(panel, channels_, width_) + within;
    const Halide::Expr x = stages["tile_x"](t, block) + j * in_.scalar("dilation_w");
    const Halide::Expr y = stages["tile_y"](t, block) + i * in_.scalar("dilation_h");
    Halide::RDom guarded = r;
    guarded.where(x < across_.extent && y < down_.extent && block * tiles() + t < all_tiles());
    Terms sums;
    for (int k = 0; k < sums_; k++) sums.push_back(stages["results"](within + k * width_, j, i, t, panel, block));
    const Halide::Expr channel = Halide::unsafe_promise_clamped(c, 0, channels_ - 1);
    const Halide::Var vc("c"), vx("x"), vy("y"), vn("n");
    Halide::Func &output = stages.add("output");
    output(vc, vx, vy, vn) = Halide::undef(in_.element);
    output(channel, Halide::clamp(x, 0, across_.extent - 1), Halide::clamp(y, 0, down_.extent - 1),
           stages["tile_n"](t, block)) = value(channel, sums);
  }

 private:
  const Context &in_;
  const Filter &filter_;
  ConvolutionAxis across_, down_;
  bool doubled_;
  Halide::Expr channels_;
  int sums_, lanes_, width_;  // width_: channels of a panel

  // Tiles computed together: a multiple of the register tile of schedules/cpu/winograd.h.
  int tiles() const { return lanes_ == 16 ? 24 : 18; }
  static Halide::Expr phases_along(const Halide::Expr &extent, const Halide::Expr &dilation) {
    return Halide::max(Halide::min(dilation, extent), 1);
  }
  Halide::Expr tiles_along(const Halide::Expr &extent, const Halide::Expr &dilation) const {
    const int results = filter_.results();
    return ((extent + dilation - 1) / dilation + results - 1) / results * phases_along(extent, dilation);
  }
  Halide::Expr tiles_across() const { return tiles_along(across_.extent, in_.scalar("dilation_w")); }
  Halide::Expr tiles_down() const { return tiles_along(down_.extent, in_.scalar("dilation_h")); }
  Halide::Expr tiles_of_picture() const { return tiles_across() * tiles_down(); }
  Halide::Expr all_tiles() const { return tiles_of_picture() * in_["input"].extent.at("n"); }

  // Where the results of tile t of block b begin, phases innermost.
  void define_tiles(Stages &stages) const {
    const Halide::Var t("t"), b("b");
    const Halide::Expr number = b * tiles() + t, within = number % tiles_of_picture();
    const auto origin = [&](const Halide::Expr &tile, const Halide::Expr &extent, const Halide::Expr &dilation) {
      const Halide::Expr phases = phases_along(extent, dilation);
      return tile % phases + filter_.results() * dilation * (tile / phases);
    };
    stages.add("tile_x")(t, b) = origin(within % tiles_across(), across_.extent, in_.scalar("dilation_w"));
    stages.add("tile_y")(t, b) = origin(within / tiles_across(), down_.extent, in_.scalar("dilation_h"));
    stages.add("tile_n")(t, b) = Halide::clamp(number / tiles_of_picture(), 0, in_["input"].extent.at("n") - 1);
    const Operand &input = in_["input"];
    define_samples(stages, "column", stages["tile_x"](t, b), across_, input.extent.at("x"), in_.scalar("dilation_w"));
    define_samples(stages, "row", stages["tile_y"](t, b), down_, input.extent.at("y"), in_.scalar("dilation_h"));
  }

  // Which column (row) of the input sample s of a tile is, and all bits where there is one: beyond the edge are zeros.
  void define_samples(Stages &stages, const std::string &name, const Halide::Expr &tile, const ConvolutionAxis &axis,
                      const Halide::Expr &size, const Halide::Expr &dilation) const {
    const Halide::Var s("s"), t("t"), b("b");
    const Halide::Expr at = tile * filter_.stride() - axis.before + s * dilation;
    stages.add(name)(s, t, b) = Halide::clamp(doubled_ ? at / 2 : at, 0, Halide::max(size - 1, 0));
    stages.add(name + "_bits")(s, t, b) = Halide::select(at >= 0 && at < axis.size, -1, 0);
  }
  static Halide::Expr masked(const Halide::Expr &value, const Halide::Expr &bits) {
    const Halide::Type type = value.type();
    const Halide::Type integer = Halide::Int(type.bits());
    return Halide::reinterpret(type, Halide::reinterpret(integer, value) & Halide::cast(integer, bits));
  }

  void define_transforms(Stages &stages) const {
    using namespace Halide;
    const Var c("c"), j("j"), i("i"), s("s"), t("t"), b("b"), l("l"), panel("panel");
    const Operand &input = in_["input"], &weight = in_["packed_weight"];
    Terms samples, columns, sums, rows;
    for (int k = 0; k < filter_.samples(); k++) {
      const Expr sample = input.stored(c, stages["column"](s, t, b), stages["row"](k, t, b), stages["tile_n"](t, b));
      samples.push_back(masked(sample, stages["row_bits"](k, t, b)));
    }
    Func &column = stages.add("columns"), &tile = stages.add("transformed");
    column(c, s, i, t, b) = masked(filter_.input_transform(i, samples), stages["column_bits"](s, t, b));
    for (int k = 0; k < filter_.samples(); k++) columns.push_back(column(c, k, i, t, b));
    tile(c, j, i, t, b) = filter_.input_transform(j, columns);
    const RDom r(0, input.extent.at("c"));
    Func &product = stages.add("products"), &sum = stages.add("sums");
    product(l, t, j, i, panel, b) = in_.constant(0);
    product(l, t, j, i, panel, b) += weight(l % lanes_, l / lanes_, r, j, i, panel) * tile(r, j, i, t, b);
    sum(l, t, j, i, panel, b) = product(l, t, j, i, panel, b);
    for (int k = 0; k < filter_.points(); k++) sums.push_back(sum(l, t, j, k, panel, b));
    Func &row = stages.add("rows"), &result = stages.add("results");
    row(l, j, i, t, panel, b) = filter_.output_transform(i, sums);
    for (int k = 0; k < filter_.points(); k++) rows.push_back(row(l, k, i, t, panel, b));
    result(l, j, i, t, panel, b) = filter_.output_transform(j, rows);
  }
};

}  // namespace sluice::winograd
