// SPDX-License-Identifier: Apache-2.0
// The scores of contextual attention from products of pixels instead of products of patches: the product of two 3x3
// patches is the sum of nine entries of the Gram matrix of pixels, on its diagonal, so that a pair costs a ninth of the
// multiplications. Forward only: what stands here reads the plane's edges through selects, which autodiff would turn
// into scatters.
//
// Positions are those of the grid, and one more on every side that stands for its neighbour by flat index (see
// contextual_attention.cpp): left of (0, y) is (gw - 1, y - 1), right of (gw - 1, y) is (0, y + 1); row -1 is row
// gh - 1, row gh is row 0. On the plane of pixels each of these has three columns, or rows, of its own, with the pixels
// of its patch, so that every patch is nine neighbours of the plane:
//   position   -1        0 .. gw-1            gw
//   columns    -4..-2    -1 .. gw (padding)   gw+1..gw+3
// Without fuse only the grid and its padding are there.
#pragma once
#include "layer.h"

namespace sluice {

class GramScores {
 public:
  // pixel(c, x, y, n): of the grid, anywhere; zero beyond it.
  GramScores(const Context &in, const Halide::Expr &grid_w, const Halide::Expr &grid_h, bool fuse)
      : in_(in), w_(grid_w), h_(grid_h), fuse_(fuse) {}

  void define(Stages &stages, const Halide::Func &pixel) const {
    define_plane(stages, pixel);
    define_scores(stages);
    if (fuse_) define_fuse(stages);
  }

 private:
  const Context &in_;
  Halide::Expr w_, h_;
  bool fuse_;
  const Halide::Var c{"c"}, x{"x"}, y{"y"}, n{"n"}, qx{"qx"}, qy{"qy"}, px{"px"}, py{"py"};

  Halide::Expr zero() const { return in_.constant(0); }
  // -1 at `i` < 0, 1 at `i` >= extent: in a form whose bounds are exact.
  static Halide::Expr side(const Halide::Expr &i, const Halide::Expr &extent) {
    return Halide::clamp(i, -1, 0) + Halide::clamp(i - extent + 1, 0, 1);
  }
  // Where the middle of a position's patch is on the plane.
  Halide::Expr column(const Halide::Expr &i) const { return fuse_ ? i + 2 * side(i, w_) : i; }
  Halide::Expr row(const Halide::Expr &j) const { return fuse_ ? j + 2 * side(j, h_) : j; }
  // The grid's row that position j stands for.
  Halide::Expr own_row(const Halide::Expr &j) const {
    return Halide::select(j < 0, h_ - 1, Halide::select(j >= h_, 0, j));
  }

  void define_plane(Stages &stages, const Halide::Func &pixel) const {
    using namespace Halide;
    Func &pixels = stages.add("pixels"), &squares = stages.add("squares"), &norm = stages.add("norm"),
         &inverse = stages.add("inverse_norm");
    if (fuse_) {
      const Expr grid_x = select(x < -1, x + w_ + 2, select(x > w_, x - w_ - 2, x));
      const Expr grid_y = select(y < -1, y + h_ + 2, select(y > h_, y - h_ - 2, y));
      pixels(c, x, y, n) = pixel(c, grid_x, grid_y + select(x < -1, -1, select(x > w_, 1, 0)), n);
    } else {
      pixels(c, x, y, n) = pixel(c, x, y, n);
    }
    const RDom r(0, in_["input"].extent.at("c"));
    squares(x, y, n) = zero();
    squares(x, y, n) += pixels(r, x, y, n) * pixels(r, x, y, n);
    Expr sum = zero();
    for (int dy = -1; dy <= 1; dy++) {
      for (int dx = -1; dx <= 1; dx++) sum += squares(x + dx, row(y) + dy, n);
    }
    const Expr floor = in_.scalar("norm_floor");
    norm(x, y, n) = sqrt(max(sum, floor * floor));
    // Before the first position and behind the last one there is nothing.
    const Expr none = (x < 0 && own_row(y) == 0) || (x >= w_ && own_row(y) == h_ - 1);
    inverse(x, y, n) = select(none, zero(), in_.constant(1) / norm(x, y, n));
  }

  // scores(column on the plane, position's row; the same of the query).
  void define_scores(Stages &stages) const {
    using namespace Halide;
    const Func pixels = stages["pixels"];
    Func &queries = stages.add("queries"), &gram = stages.add("gram"), &scores = stages.add("scores");
    queries(c, x, y, n) = pixels(c, x, y, n);
    const RDom r(0, in_["input"].extent.at("c"));
    gram(qx, qy, px, py, n) = zero();
    gram(qx, qy, px, py, n) += pixels(r, qx, qy, n) * queries(r, px, py, n);
    Expr sum;
    for (int dy = -1; dy <= 1; dy++) {
      for (int dx = -1; dx <= 1; dx++) {
        const Expr entry = gram(qx + dx, row(qy) + dy, px + dx, row(py) + dy, n);
        sum = sum.defined() ? sum + entry : entry;
      }
    }
    scores(qx, qy, px, py, n) = sum * stages["inverse_norm"](qx, qy, n);
  }

  // Diagonal sums by flat index, row-major and then column-major.
  void define_fuse(Stages &stages) const {
    using namespace Halide;
    Func &rows = stages.add("fused_rows"), &fused = stages.add("fused");
    const Func scores = stages["scores"];
    const auto at = [&](const Expr &i, int step) { return scores(i, qy, column(px + step), py, n); };
    const Expr before = select(qx == 0, at(column(-1), -1), at(qx - 1, -1));
    const Expr behind = select(qx == w_ - 1, at(column(w_), 1), at(qx + 1, 1));
    rows(qx, qy, px, py, n) = select(qx >= 0 && qx < w_ && px >= 0 && px < w_,
                                     select(px == 0 && own_row(py) == 0, zero(), before) + scores(qx, qy, px, py, n) +
                                         select(px == w_ - 1 && own_row(py) == h_ - 1, zero(), behind),
                                     zero());
    // A choice of values, not of indices: how far the rows reach along qx must not depend on qy, so that they can be
    // kept from one row of keys to the next.
    const auto neighbour = [&](int step) {
      const auto at = [&](const Expr &i) { return rows(i, qy + step, px + side(py + step, h_), py + step, n); };
      return select(qy == (step < 0 ? Expr(0) : h_ - 1), at(qx + step), at(qx));
    };
    fused(qx, qy, px, py, n) = neighbour(-1) + rows(qx, qy, px, py, n) + neighbour(1);
  }
};

}  // namespace sluice
