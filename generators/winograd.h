// SPDX-License-Identifier: Apache-2.0
// Convolution by Winograd's minimal filtering F(4x4, 3x3): 36 products for 16 results of 9 taps each, a quarter of the
// direct sum's. For 3x3 kernels of stride 1, any dilation and padding, of the input as it is or enlarged by 2.
// Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (arXiv 1509.09308), with the points 0,
// +-sqrt(1/2), +-sqrt(2), infinity, whose rounding errors are a fifth of those of 0, +-1, +-2.
//
// A dilated convolution is d_w * d_h plain ones on interleaved pixels (phases; no more than there are pixels). All
// tiles of all phases and pictures have one number; `tiles` of them are computed together, so that their transformed
// input stays in cache while the panels of output channels pass by.
#pragma once
#include <cmath>

#include "convolution.h"

namespace sluice::winograd {

constexpr int kTile = 4;    // results of a tile along an axis
constexpr int kPoints = 6;  // products of a tile along an axis

using Row = std::vector<double>;

inline const Row &roots() {  // of the squares of the points
  static const Row all{std::sqrt(0.5), std::sqrt(2.0)};
  return all;
}

inline Row product(const Row &a, const Row &b) {
  Row result(a.size() + b.size() - 1, 0.0);
  for (size_t i = 0; i < a.size(); i++) {
    for (size_t j = 0; j < b.size(); j++) result[i + j] += a[i] * b[j];
  }
  return result;
}

// Sum of the terms with even (parity 0), odd (1) or all (-1) numbers.
inline Halide::Expr combination(const Row &coefficients, const std::vector<Halide::Expr> &terms, int parity) {
  Halide::Expr sum;
  for (size_t k = 0; k < coefficients.size(); k++) {
    if (coefficients[k] == 0 || (parity >= 0 && static_cast<int>(k % 2) != parity)) continue;
    const Halide::Expr factor = Halide::Internal::make_const(terms[k].type(), coefficients[k]);
    const Halide::Expr term = coefficients[k] == 1 ? terms[k] : factor * terms[k];
    sum = sum.defined() ? sum + term : term;
  }
  return sum;
}

// Row `point` of B^T times d: the points' polynomials; those of a and -a share their even and odd parts.
inline Halide::Expr input_transform(const Halide::Expr &point, const std::vector<Halide::Expr> &d) {
  Row all{1};
  for (const double q : roots()) all = product(all, {-q * q, 0, 1});
  std::vector<Halide::Expr> rows{combination(all, d, -1)};
  for (const double a : roots()) {
    Row polynomial = product({0, 1}, {a, 1});
    for (const double q : roots()) {
      if (q != a) polynomial = product(polynomial, {-q * q, 0, 1});
    }
    const Halide::Expr even = combination(polynomial, d, 0), odd = combination(polynomial, d, 1);
    rows.push_back(even + odd);
    rows.push_back(even - odd);
  }
  rows.push_back(combination(product({0, 1}, all), d, -1));
  return Halide::mux(point, rows);
}

// Row `result` of A^T times m.
inline Halide::Expr output_transform(const Halide::Expr &result, const std::vector<Halide::Expr> &m) {
  std::vector<Halide::Expr> rows;
  for (int k = 0; k < kTile; k++) {
    Halide::Expr row = k == 0 ? m[0] : k == kTile - 1 ? m[kPoints - 1] : Halide::Expr();
    for (size_t a = 0; a < roots().size(); a++) {
      const Halide::Expr pair = k % 2 != 0 ? m[1 + 2 * a] - m[2 + 2 * a] : m[1 + 2 * a] + m[2 + 2 * a];
      const double power = std::pow(roots()[a], k);
      const Halide::Expr term = k == 0 ? pair : Halide::Internal::make_const(pair.type(), power) * pair;
      row = row.defined() ? row + term : term;
    }
    rows.push_back(row);
  }
  return Halide::mux(result, rows);
}

// Row `point` of G times w.
inline Halide::Expr weight_transform(const Halide::Expr &point, const std::vector<Halide::Expr> &w) {
  double constant = 1;
  for (const double q : roots()) constant *= -q * q;
  std::vector<Halide::Expr> rows{combination({1 / constant}, w, -1)};
  for (const double a : roots()) {
    double scale = 2 * a * a;
    for (const double q : roots()) {
      if (q != a) scale *= a * a - q * q;
    }
    rows.push_back(combination({1 / scale, a / scale, a * a / scale}, w, -1));
    rows.push_back(combination({1 / scale, -a / scale, a * a / scale}, w, -1));
  }
  rows.push_back(w[2]);
  return Halide::mux(point, rows);
}

// G w G^T at (point_x, point_y), in double and rounded once. weight(kx, ky): a tap.
template <typename Weight>
Halide::Expr transformed_weight(const Halide::Expr &point_x, const Halide::Expr &point_y, Weight weight) {
  std::vector<Halide::Expr> rows;
  Halide::Type element;
  for (int ky = 0; ky < 3; ky++) {
    std::vector<Halide::Expr> taps;
    for (int kx = 0; kx < 3; kx++) {
      const Halide::Expr tap = weight(kx, ky);
      element = tap.type();
      taps.push_back(Halide::cast<double>(tap));
    }
    rows.push_back(weight_transform(point_x, taps));
  }
  return Halide::cast(element, weight_transform(point_y, rows));
}

// Where a panel of `width` output channels begins: all are full, the last one may hold some of the one before it once
// more.
inline Halide::Expr first_channel(const Halide::Expr &panel, const Halide::Expr &channels, int width) {
  return Halide::min(panel * width, channels - width);
}

// The stages of a layer whose results come from `sums` convolutions of one input, with weights packed as
// packed_weight(lane, vector, i, point_x, point_y, panel): two vectors a panel, of one sum or of one each.
class Convolution {
 public:
  // doubled: the input is enlarged by 2.
  Convolution(const Context &in, const ConvolutionAxis &across, const ConvolutionAxis &down, bool doubled,
              const Halide::Expr &channels, int sums)
      : in_(in), across_(across), down_(down), doubled_(doubled), channels_(channels), sums_(sums), lanes_(in.lanes) {}

  // value(c, sums): a result of the layer in channel c from its sums, one a convolution.
  template <typename Value>
  void define(Stages &stages, Value value) {
    define_tiles(stages);
    define_transforms(stages);
    const Halide::Expr blocks = (all_tiles() + tiles() - 1) / tiles();
    const int width = 2 * lanes_ / sums_;  // of a panel
    const Halide::Expr panels = (channels_ + width - 1) / width;
    const Halide::RDom r(0, lanes_, 0, width / lanes_, 0, kTile, 0, kTile, 0, tiles(), 0, panels, 0, blocks);
    const Halide::Expr within = r[1] * lanes_ + r[0], j = r[2], i = r[3], t = r[4], panel = r[5], block = r[6];
    const Halide::Expr c = first_channel(panel, channels_, width) + within;
    const Halide::Expr x = stages["tile_x"](t, block) + j * in_.scalar("dilation_w");
    const Halide::Expr y = stages["tile_y"](t, block) + i * in_.scalar("dilation_h");
    Halide::RDom guarded = r;
    guarded.where(x < across_.extent && y < down_.extent && block * tiles() + t < all_tiles());
    std::vector<Halide::Expr> sums;
    for (int k = 0; k < sums_; k++) sums.push_back(stages["results"](within + k * width, j, i, t, panel, block));
    const Halide::Expr channel = Halide::unsafe_promise_clamped(c, 0, channels_ - 1);
    const Halide::Var vc("c"), vx("x"), vy("y"), vn("n");
    Halide::Func &output = stages.add("output");
    output(vc, vx, vy, vn) = Halide::undef(in_.element);
    output(channel, Halide::clamp(x, 0, across_.extent - 1), Halide::clamp(y, 0, down_.extent - 1),
           stages["tile_n"](t, block)) = value(channel, sums);
  }

 private:
  const Context &in_;
  ConvolutionAxis across_, down_;
  bool doubled_;
  Halide::Expr channels_;
  int sums_, lanes_;

  // Tiles computed together: a multiple of the register tile of schedules/cpu/winograd.h.
  int tiles() const { return lanes_ == 16 ? 24 : 18; }
  static Halide::Expr phases_along(const Halide::Expr &extent, const Halide::Expr &dilation) {
    return Halide::max(Halide::min(dilation, extent), 1);
  }
  static Halide::Expr tiles_along(const Halide::Expr &extent, const Halide::Expr &dilation) {
    return ((extent + dilation - 1) / dilation + kTile - 1) / kTile * phases_along(extent, dilation);
  }
  Halide::Expr tiles_across() const { return tiles_along(across_.extent, in_.scalar("dilation_w")); }
  Halide::Expr tiles_down() const { return tiles_along(down_.extent, in_.scalar("dilation_h")); }
  Halide::Expr tiles_of_picture() const { return tiles_across() * tiles_down(); }
  Halide::Expr all_tiles() const { return tiles_of_picture() * in_["input"].extent.at("n"); }

  // Where the results of tile t of block b begin, phases innermost.
  void define_tiles(Stages &stages) const {
    const Halide::Var t("t"), b("b");
    const Halide::Expr number = b * tiles() + t, within = number % tiles_of_picture();
    const auto origin = [](const Halide::Expr &tile, const Halide::Expr &extent, const Halide::Expr &dilation) {
      const Halide::Expr phases = phases_along(extent, dilation);
      return tile % phases + kTile * dilation * (tile / phases);
    };
    stages.add("tile_x")(t, b) = origin(within % tiles_across(), across_.extent, in_.scalar("dilation_w"));
    stages.add("tile_y")(t, b) = origin(within / tiles_across(), down_.extent, in_.scalar("dilation_h"));
    stages.add("tile_n")(t, b) = Halide::clamp(number / tiles_of_picture(), 0, in_["input"].extent.at("n") - 1);
  }

  void define_transforms(Stages &stages) const {
    using namespace Halide;
    const Var c("c"), j("j"), i("i"), s("s"), t("t"), b("b"), l("l"), panel("panel");
    const Operand &input = in_["input"], &weight = in_["packed_weight"];
    const Expr x = stages["tile_x"](t, b) - across_.before, y = stages["tile_y"](t, b) - down_.before;
    std::vector<Expr> taps, columns, sums, rows;
    const auto own = [&](const Expr &i) { return doubled_ ? i / 2 : i; };
    for (int k = 0; k < kPoints; k++) {
      taps.push_back(input(c, own(x + s * in_.scalar("dilation_w")), own(y + k * in_.scalar("dilation_h")),
                           stages["tile_n"](t, b)));
    }
    Func &column = stages.add("columns"), &tile = stages.add("transformed");
    column(c, s, i, t, b) = input_transform(i, taps);
    for (int k = 0; k < kPoints; k++) columns.push_back(column(c, k, i, t, b));
    tile(c, j, i, t, b) = input_transform(j, columns);
    const RDom r(0, input.extent.at("c"));
    Func &product = stages.add("products"), &sum = stages.add("sums");
    product(l, t, j, i, panel, b) = in_.constant(0);
    product(l, t, j, i, panel, b) += weight(l % lanes_, l / lanes_, r, j, i, panel) * tile(r, j, i, t, b);
    sum(l, t, j, i, panel, b) = product(l, t, j, i, panel, b);
    for (int k = 0; k < kPoints; k++) sums.push_back(sum(l, t, j, k, panel, b));
    Func &row = stages.add("rows"), &result = stages.add("results");
    row(l, j, i, t, panel, b) = output_transform(i, sums);
    for (int k = 0; k < kPoints; k++) rows.push_back(row(l, k, i, t, panel, b));
    result(l, j, i, t, panel, b) = output_transform(j, rows);
  }
};

}  // namespace sluice::winograd
