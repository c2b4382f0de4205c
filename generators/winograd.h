// SPDX-License-Identifier: Apache-2.0
// Convolution by Winograd's minimal filtering, any dilation and padding:
//   3x3, stride 1, of the input as it is or enlarged by 2: F(4x4, 3x3), 36 products for 16 results of 9 taps
//   3x3, stride 2: 49 products for 9 results; a filter of two taps over the even samples, F(3, 2), and one of one tap
//   over the odd ones
//   3x3, transposed with stride 2: 49 products for 36 results of 1, 2, 2 and 4 taps; every other result of an axis is
//   F(3, 2), those between have one tap
//   5x5, stride 1: F(4x2, 5x5), 48 products for 8 results of 25 taps
// Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (arXiv 1509.09308), with the points 0,
// +-sqrt(1/2), +-sqrt(2), infinity, whose rounding errors are a fifth of those of 0, +-1, +-2.
//
// Of a clip the sums over the taps in time are taken where the products are: their samples are more channels of a tile.
//
// A dilated convolution is d_w * d_h plain ones on interleaved pixels (phases; no more than there are pixels). All
// tiles of all phases and pictures have one number; `tiles` of them are computed together, so that their transformed
// input stays in cache while the panels of output channels pass by.
#pragma once
#include <optional>
#include <type_traits>

#include "convolution.h"
#include "layer_generators.h"
#include "prefetch.h"
#include "winograd_transforms.h"

namespace sluice::winograd {

// Where a panel of `width` output channels begins: all are full, the last one may hold some of the one before it once
// more.
inline Halide::Expr first_channel(const Halide::Expr &panel, const Halide::Expr &channels, int width) {
  return Halide::min(panel * width, channels - width);
}

// Tiles in registers (tile_t of the schedules), and computed together: a multiple of that. Of a deep layer any
// multiple, so that a few pictures of a few tiles leave few places empty.
inline int tiles_in_registers(int lanes) { return lanes == 16 ? 8 : 6; }
inline int usual_tiles(int lanes) { return lanes == 16 ? 24 : 18; }
// Of plain layers with vectors of 16: pictures whose sides are powers of two have whole blocks, and threads equal
// shares.
constexpr int kPlainTiles = 32;
constexpr int kDeepTiles = 48;

// Along an axis a dilated convolution is as many plain ones as it has phases, on interleaved pixels.
inline Halide::Expr phases_along(const Halide::Expr &extent, const Halide::Expr &dilation) {
  return Halide::max(Halide::min(dilation, extent), 1);
}
// Of transposed filters tiles begin where the result has one tap, which may be a pixel early.
inline Halide::Expr early(const Filter &filter, const ConvolutionAxis &axis) {
  return filter.transposed() ? (axis.before + 1) % 2 : Halide::Expr(0);
}
// Tiles along an axis, those of all phases; phases innermost.
inline Halide::Expr tiles_along(const Filter &filter, const ConvolutionAxis &axis, const Halide::Expr &dilation) {
  const Halide::Expr extent = axis.extent + early(filter, axis);
  const int results = filter.results();
  return ((extent + dilation - 1) / dilation + results - 1) / results * phases_along(extent, dilation);
}
// Where the results of a tile begin; the next one is a dilation away.
inline Halide::Expr first_result(const Halide::Expr &tile, const Filter &filter, const ConvolutionAxis &axis,
                                 const Halide::Expr &dilation) {
  const Halide::Expr phases = phases_along(axis.extent + early(filter, axis), dilation);
  return tile % phases + filter.results() * dilation * (tile / phases) - early(filter, axis);
}
// The first sample that the result there reads.
inline Halide::Expr first_sample(const Halide::Expr &result, const Filter &filter, const ConvolutionAxis &axis) {
  return filter.transposed() ? (result + axis.before - 1) / 2 : result * filter.stride() - axis.before;
}

// A layer with kernels for transforms (attribute `transform`).
struct Transformed : LayerDefaults {
  Halide::GeneratorParam<std::string> transform{"transform", "none"};

 protected:
  bool is_winograd() const { return is_transform(transform); }
  const Transform &winograd() const { return winograd::transform(transform); }
  // Of the packed weights' taps, or points, along an axis.
  Halide::Expr packed_across(const Operand &weight) const {
    return is_winograd() ? Halide::Expr(winograd().across.points()) : weight.extent.at("kx");
  }
  Halide::Expr packed_down(const Operand &weight) const {
    return is_winograd() ? Halide::Expr(winograd().down.points()) : weight.extent.at("ky");
  }
  // Of the window, where it is not a run-time value.
  Halide::Expr taps_across(const Operand &weight) const {
    return is_winograd() ? Halide::Expr(winograd().across.taps()) : weight.extent.at("kx");
  }
  Halide::Expr taps_down(const Operand &weight) const {
    return is_winograd() ? Halide::Expr(winograd().down.taps()) : weight.extent.at("ky");
  }
  // The first output channel of a panel of `width`.
  Halide::Expr panel_start(const Halide::Expr &panel, const Halide::Expr &channels, int width) const {
    return is_winograd() ? first_channel(panel, channels, width) : panel * width;
  }
  // tap(kx, ky): of the window, or transformed at the point. at: what else a tap depends on, innermost first. The
  // points' common terms are stage "taps".
  template <typename Tap>
  Halide::Expr packed_tap(Stages &stages, const std::vector<Halide::Var> &at, const Halide::Expr &kx,
                          const Halide::Expr &ky, Tap tap) const {
    if (!is_winograd()) return tap(kx, ky);
    const Halide::Var tap_x("tap_x"), tap_y("tap_y");
    const auto with = [&at](const Halide::Expr &x, const Halide::Expr &y) {
      std::vector<Halide::Expr> all(at.begin(), at.end());
      all.insert(all.end(), {x, y});
      return all;
    };
    std::vector<Halide::Var> args = at;
    args.insert(args.end(), {tap_x, tap_y});
    Halide::Func &taps = stages.add("taps");
    taps(args) = tap(tap_x, tap_y);
    return transformed_weight(winograd(), kx, ky, [&](int x, int y) { return taps(with(x, y)); });
  }
};

// The value where all bits are set, zero where none is.
inline Halide::Expr masked(const Halide::Expr &value, const Halide::Expr &bits) {
  const Halide::Type type = value.type();
  const Halide::Type integer = Halide::Int(type.bits());
  return Halide::reinterpret(type, Halide::reinterpret(integer, value) & Halide::cast(integer, bits));
}

// The stages of a layer whose results come from `sums` convolutions of one input, with weights packed as
// packed_weight(lane, vector, i, point_x, point_y, panel): two vectors a panel, of one sum or of one each, or a vector
// that has half of its lanes for each.
class Convolution {
 public:
  // The third axis of a clip, of stride 1.
  struct Frames {
    ConvolutionAxis axis;
    Halide::Expr taps, dilation;
  };

  // doubled: the input is enlarged by 2.
  Convolution(const Context &in, const Transform &transform, const ConvolutionAxis &across, const ConvolutionAxis &down,
              bool doubled, const Halide::Expr &channels, int sums, int vectors = 2, std::optional<Frames> frames = {})
      : in_(in),
        transform_(transform),
        across_(across),
        down_(down),
        doubled_(doubled),
        channels_(channels),
        sums_(sums),
        lanes_(in.lanes),
        width_(vectors * lanes_ / sums),
        frames_(std::move(frames)) {}

  // value(c, sums) or, where it depends on the place, value(c, sums, j, i, t, b): a result of the layer in channel c
  // from its sums, one a convolution; j and i: column and row in tile t of block b.
  template <typename Value>
  void define(Stages &stages, Value value) {
    Halide::Func &output = stages.add("output");
    output(output_axes()) = Halide::undef(in_.element);
    define_tiles(stages);
    define_transforms(stages);
    const Halide::Expr blocks = (all_tiles() + tiles() - 1) / tiles();
    const Halide::Expr panels = (channels_ + width_ - 1) / width_;
    const int wide = transform_.across.results(), high = transform_.down.results(), lanes = std::min(lanes_, width_);
    const Halide::RDom r(0, lanes, 0, width_ / lanes, 0, wide, 0, high, 0, tiles(), 0, panels, 0, blocks);
    const Halide::Expr within = r[1] * lanes + r[0], j = r[2], i = r[3], t = r[4], panel = r[5], block = r[6];
    const Halide::Expr c = first_channel(panel, channels_, width_) + within;
    const Halide::Expr x = stages["tile_x"](t, block) + j * in_.scalar("dilation_w");
    const Halide::Expr y = stages["tile_y"](t, block) + i * in_.scalar("dilation_h");
    Halide::RDom guarded = r;
    guarded.where(x < across_.extent && y < down_.extent && block * tiles() + t < all_tiles());
    if (transform_.across.transposed()) guarded.where(x >= 0 && y >= 0);
    Terms sums;
    for (int k = 0; k < sums_; k++) sums.push_back(stages["results"](within + k * width_, j, i, t, panel, block));
    const Halide::Expr channel = Halide::unsafe_promise_clamped(c, 0, channels_ - 1);
    const Halide::Expr column = Halide::clamp(x, 0, across_.extent - 1), row = Halide::clamp(y, 0, down_.extent - 1);
    const Terms at = place(stages, channel, column, row, t, block);
    using Halide::Expr;
    if constexpr (std::is_invocable_v<Value, Expr, Terms, Expr, Expr, Expr, Expr>) {
      output(at) = value(channel, sums, j, i, t, block);
    } else {
      output(at) = value(channel, sums);
    }
  }

 private:
  const Context &in_;
  const Transform &transform_;
  ConvolutionAxis across_, down_;
  bool doubled_;
  Halide::Expr channels_;
  int sums_, lanes_, width_;  // width_: channels of a panel
  std::optional<Frames> frames_;

  std::vector<Halide::Var> output_axes() const {
    const std::vector<Halide::Var> picture{Halide::Var("c"), Halide::Var("x"), Halide::Var("y"), Halide::Var("n")};
    const std::vector<Halide::Var> clip{picture[0], picture[1], picture[2], Halide::Var("t"), picture[3]};
    return frames_ ? clip : picture;
  }
  // Where in the output the pixel (x, y) of tile t is.
  Terms place(Stages &stages, const Halide::Expr &c, const Halide::Expr &x, const Halide::Expr &y,
              const Halide::Expr &t, const Halide::Expr &block) const {
    Terms at{c, x, y};
    if (frames_) at.push_back(stages["tile_frame"](t, block));
    at.push_back(stages["tile_n"](t, block));
    return at;
  }
  // The stored sample s, m of a tile, of tap k in time.
  Terms sample(Stages &stages, const Halide::Expr &c, const Halide::Expr &s, const Halide::Expr &m,
               const Halide::Expr &k, const Halide::Expr &t, const Halide::Expr &b) const {
    Terms at{c, stages["column"](s, t, b), stages["row"](m, t, b)};
    if (frames_) at.push_back(stages["frame"](k, t, b));
    at.push_back(stages["tile_n"](t, b));
    return at;
  }

  // Tiles computed together. Of a deep layer as many as there are, so that weights pass by once; elsewhere a number
  // that is known at run time alone would cost layers of 32 and 64 channels 3 to 8 %.
  Halide::Expr tiles() const {
    if (transform_.is_plain() && lanes_ == 16 && sums_ <= 2) return kPlainTiles;
    if (!transform_.deep) return usual_tiles(lanes_);
    const int registers = tiles_in_registers(lanes_);
    const Halide::Expr all = Halide::max(all_tiles(), 1), blocks = (all + kDeepTiles - 1) / kDeepTiles;
    const Halide::Expr each = (all + blocks - 1) / blocks;
    return Halide::clamp((each + registers - 1) / registers * registers, registers, kDeepTiles);
  }
  Halide::Expr tiles_across() const { return tiles_along(transform_.across, across_, in_.scalar("dilation_w")); }
  Halide::Expr tiles_down() const { return tiles_along(transform_.down, down_, in_.scalar("dilation_h")); }
  Halide::Expr tiles_of_picture() const { return tiles_across() * tiles_down(); }
  Halide::Expr frames() const { return frames_ ? frames_->axis.extent : Halide::Expr(1); }
  Halide::Expr all_tiles() const { return tiles_of_picture() * frames() * in_["input"].extent.at("n"); }

  // Where the results of tile t of block b begin, phases innermost.
  void define_tiles(Stages &stages) const {
    const Halide::Var t("t"), b("b");
    const Halide::Expr number = b * tiles() + t, within = number % tiles_of_picture();
    const Halide::Expr dilation_w = in_.scalar("dilation_w"), dilation_h = in_.scalar("dilation_h");
    stages.add("tile_x")(t, b) = first_result(within % tiles_across(), transform_.across, across_, dilation_w);
    stages.add("tile_y")(t, b) = first_result(within / tiles_across(), transform_.down, down_, dilation_h);
    const Operand &input = in_["input"];
    const Halide::Expr picture = Halide::clamp(number / tiles_of_picture(), 0, frames() * input.extent.at("n") - 1);
    stages.add("tile_n")(t, b) = picture / frames();
    if (frames_) {
      stages.add("tile_frame")(t, b) = picture % frames();
      const Halide::Expr first = stages["tile_frame"](t, b) - frames_->axis.before;
      define_samples(stages, "frame", first, frames_->axis.size, input.extent.at("t"), frames_->dilation);
    }
    const Halide::Expr left = first_sample(stages["tile_x"](t, b), transform_.across, across_);
    const Halide::Expr top = first_sample(stages["tile_y"](t, b), transform_.down, down_);
    define_samples(stages, "column", left, across_.size, input.extent.at("x"), dilation_w);
    define_samples(stages, "row", top, down_.size, input.extent.at("y"), dilation_h);
  }

  // Which column (row, frame) of the input sample s of a tile is, and all bits where there is one: beyond the edge are
  // zeros. first: sample 0; size: of the axis; stored: of the input, which is half of it when it is enlarged.
  void define_samples(Stages &stages, const std::string &name, const Halide::Expr &first, const Halide::Expr &size,
                      const Halide::Expr &stored, const Halide::Expr &dilation) const {
    const Halide::Var s("s"), t("t"), b("b");
    const Halide::Expr at = first + s * dilation;
    const Halide::Expr own = doubled_ ? at / 2 : at;
    stages.add(name)(s, t, b) = Halide::clamp(own, 0, Halide::max(stored - 1, 0));
    stages.add(name + "_bits")(s, t, b) = Halide::select(at >= 0 && at < size, -1, 0);
  }

  void define_transforms(Stages &stages) const {
    using namespace Halide;
    const Var c("c"), j("j"), i("i"), t("t"), b("b"), l("l"), panel("panel");
    define_tile_transform(stages);
    const Expr channels = in_["input"].extent.at("c");
    const RDom r = frames_ ? RDom(0, channels, 0, frames_->taps) : RDom(0, channels);
    Terms weight_at{l % lanes_, l / lanes_, r[0], j, i}, tile_at{r[0], j, i};
    for (Terms *at : {&weight_at, &tile_at}) {
      if (frames_) at->push_back(r[1]);
    }
    weight_at.push_back(panel);
    tile_at.insert(tile_at.end(), {t, b});
    Func &product = stages.add("products"), &sum = stages.add("sums");
    product(l, t, j, i, panel, b) = in_.constant(0);
    product(l, t, j, i, panel, b) += in_["packed_weight"].func(weight_at) * stages["transformed"](tile_at);
    define_claimed(stages);
    sum(l, t, j, i, panel, b) = product(l, t, j, i, panel, b) + cast(in_.element, stages["claimed"](j, i, panel, b));
    Terms sums, rows;
    for (int k = 0; k < transform_.down.points(); k++) sums.push_back(sum(l, t, j, k, panel, b));
    Func &row = stages.add("rows"), &result = stages.add("results");
    row(l, j, i, t, panel, b) = transform_.down.output_transform(i, sums);
    for (int k = 0; k < transform_.across.points(); k++) rows.push_back(row(l, k, i, t, panel, b));
    result(l, j, i, t, panel, b) = transform_.across.output_transform(j, rows);
  }

  // Zeros (prefetch.h) that ask for memory while something else is computed: of the samples of the tile after t, those
  // that t has not got.
  void define_coming(Stages &stages) const {
    using namespace Halide;
    const Var t("t"), b("b");
    const Operand &input = in_["input"];
    const Lines lines = Lines::of_input(input.stored);
    const Expr of_pixel = (input.extent.at("c") + lines.elements() - 1) / lines.elements();
    const int known = transform_.across.samples() - transform_.across.advance();
    const RDom r(0, of_pixel, known, transform_.across.samples() - known, 0, transform_.down.samples(), 0,
                 frames_ ? frames_->taps : Expr(1));
    Func &coming = stages.add("coming");
    coming(t, b) = 0;
    coming(t, b) +=
        lines.ask(lines.offset(sample(stages, r[0] * lines.elements(), r[1], r[2], r[3], min(t + 1, tiles() - 1), b)));
  }
  // ... and of the results of a panel's tiles, one pixel of each with the point of the same number.
  void define_claimed(Stages &stages) const {
    using namespace Halide;
    const Var j("j"), i("i"), t("t"), panel("panel"), b("b");
    const Lines lines = Lines::of_output(stages["output"]);
    const Expr first = lines.offset(place(stages, 0, stages["tile_x"](t, b), stages["tile_y"](t, b), t, b));
    stages.add("first_result")(t, b) = first;
    RDom r(0, (width_ + lines.elements() - 1) / lines.elements(), 0, tiles());
    r.where(j < transform_.across.results() && i < transform_.down.results());
    const Expr c = first_channel(panel, channels_, width_) + r[0] * lines.elements();
    Terms away{c, j * in_.scalar("dilation_w"), i * in_.scalar("dilation_h")};
    Func &claimed = stages.add("claimed");
    claimed(j, i, panel, b) = 0;
    claimed(j, i, panel, b) += lines.ask(stages["first_result"](r[1], b) + lines.offset(away));
  }

  // The input of a tile (and of tap k in time), transformed along columns, then along rows.
  void define_tile_transform(Stages &stages) const {
    using namespace Halide;
    const Var c("c"), j("j"), i("i"), s("s"), m("m"), k("k"), t("t"), b("b");
    const std::vector<Var> where = frames_ ? std::vector<Var>{k, t, b} : std::vector<Var>{t, b};
    const auto with = [&](std::vector<Expr> first) {
      first.insert(first.end(), where.begin(), where.end());
      return first;
    };
    const auto all = [&](std::vector<Var> first) {
      first.insert(first.end(), where.begin(), where.end());
      return first;
    };
    const Operand &input = in_["input"];
    const auto stored = [&](const Expr &column, const Expr &row) {
      return input.stored(sample(stages, c, column, row, k, t, b));
    };
    // Of a few channels a tile is copied first: a vector may then reach past them.
    if (transform_.few) stages.add("samples")(all({c, s, m})) = stored(s, m);
    Terms samples, columns;
    for (int row = 0; row < transform_.down.samples(); row++) {
      const Expr channel = unsafe_promise_clamped(c, 0, input.extent.at("c") - 1);
      const Expr sample = transform_.few ? stages["samples"](with({channel, s, row})) : stored(s, row);
      samples.push_back(masked(sample, stages["row_bits"](row, t, b)));
    }
    Func &column = stages.add("columns"), &tile = stages.add("transformed");
    Expr bits = stages["column_bits"](s, t, b);
    if (!transform_.few) {
      define_coming(stages);
      bits = bits | stages["coming"](t, b);
    }
    if (frames_) bits = bits & stages["frame_bits"](k, t, b);
    column(all({c, s, i})) = masked(transform_.down.input_transform(i, samples), bits);
    for (int number = 0; number < transform_.across.samples(); number++)
      columns.push_back(column(with({c, number, i})));
    tile(all({c, j, i})) = transform_.across.input_transform(j, columns);
  }
};

}  // namespace sluice::winograd
