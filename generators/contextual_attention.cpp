// SPDX-License-Identifier: Apache-2.0
// Contextual attention: patches outside the hole vote for the content of every pixel.
// Source: Yu et al., Generative Image Inpainting with Contextual Attention (arXiv 1801.07892), section 4, as
// JiahuiYu/generative_inpainting: inpaint_ops.contextual_attention computes it (rate 2, kernel 3, foreground =
// background).
//
// Positions are 2-D on the grid gw = W/2 by gh = H/2: (px, py) asks (query), (qx, qy) answers (key).
// The published fuse adds diagonals of the score matrix by flat index, first row-major, then column-major, and so wraps
// from a row's end to the next row's start. Here each grid is continued by one position on every side, and a position
// outside stands for the patch that the flat index would reach; then both fuses are plain diagonal sums:
//   row pass     (x, y) -> (x + 1, y); beyond the end of a row: the start of the next one
//   column pass  (x, y) -> (x, y + 1); beyond the end of a column: the start of the next one, i.e. rows -1 and gh are
//                rows gh - 1 and 0 shifted by one column
// Backward differentiates these sums of products of patches; forward takes the same scores from products of pixels
// (gram_scores.h).
// The paste (transposed convolution with the raw 4x4 patches, stride 2, over 4) is summed per output parity e:
//   out(2u + e) = 1/4 sum_q spread(q + e - 1, u + e - 1) * input(2q + e), spread(q, u) = sum_d attention(q + d, u + d),
// d in {0,1}^2, which needs 4 products a pair instead of 16.
#include "activation_functions.h"
#include "gram_scores.h"
#include "layer_generators.h"
#include "nearest.h"

using namespace Halide;
using sluice::Context;
using sluice::Port;
using sluice::Stages;

struct ContextualAttention : sluice::LayerDefaults {
  static constexpr const char *kName = "contextual_attention";
  static constexpr const char *kSummary =
      "scores = <patch(query), patch(key)/max(norm, norm_floor)>; fused along diagonals; output = paste of "
      "softmax_scale softmax";
  GeneratorParam<bool> fuse{"fuse", true};

  std::vector<Port> inputs() const {
    return {sluice::tensor("input").padded_channels(), sluice::tensor("mask").constant()};
  }
  std::vector<Port> outputs() const { return {sluice::tensor("output")}; }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    return {{"fuse", Kind::variant, "true", {}, {}, {"true", "false"}},
            {"kernel", Kind::variant, "3", {}, {}, {"3"}},
            {"rate", Kind::variant, "2", {}, {}, {"2"}},
            {"fuse_kernel", Kind::variant, "3", {}, {}, {"3"}},
            {"softmax_scale", Kind::real, "10", {}, {}, {}},
            {"norm_floor", Kind::real, "0.0001", {}, {}, {}},
            {"part", Kind::integer, "0", {"part_x", "part_y", "part_width", "part_height"}, {}, {}}};
  }
  std::map<std::string, std::string> variants() const { return {{"fuse", fuse ? "true" : "false"}}; }

  // The softmax's shift, recomputed before backward: it carries no gradient, and Halide can't differentiate a running
  // max.
  std::vector<Port> saved() const { return {sluice::port("row_max", {{"px", ""}, {"py", ""}, {"n", ""}})}; }

  // What the independent reference keeps, over the grid proper.
  std::vector<Port> steps() const {
    const std::vector<sluice::Axis> plane{{"x", ""}, {"y", ""}, {"n", ""}};
    const std::vector<sluice::Axis> pairs{{"qx", ""}, {"qy", ""}, {"px", ""}, {"py", ""}, {"n", ""}};
    std::vector<Port> all{sluice::tensor("downsampled"),     sluice::port("mask_feature", plane),
                          sluice::port("mask_small", plane), sluice::port("mm", plane),
                          sluice::port("norm", plane),       sluice::port("scores", pairs),
                          sluice::port("attention", pairs)};
    if (fuse) all.push_back(sluice::port("fused_rows", pairs));
    if (fuse) all.push_back(sluice::port("fused", pairs));
    return all;
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    const auto &e = in["input"].extent;
    const Expr gw = e.at("x") / 2, gh = e.at("y") / 2, n = e.at("n"), mask_n = in["mask"].extent.at("n");
    if (port == "output") return {e.at("c"), part(in, "width", e.at("x")), part(in, "height", e.at("y")), n};
    if (port == "downsampled") return {e.at("c"), gw, gh, n};
    if (port == "mask_feature") return {e.at("x"), e.at("y"), mask_n};
    if (port == "mask_small" || port == "mm") return {gw, gh, mask_n};
    if (port == "norm") return {gw, gh, n};
    // At least 1, which it is anyway: a query for half of an extent asks for half of what is read of it.
    if (port == "row_max") return {max(gw, 1), max(gh, 1), n};
    return {gw, gh, gw, gh, n};
  }

  Stages define(Context &in) const {
    Stages stages;
    const Grid grid{in["input"].extent.at("x") / 2, in["input"].extent.at("y") / 2};
    define_mask(in, stages, grid);
    define_downsampled(in, stages, grid);
    if (in.backward) {
      define_patches(in, stages, grid);
      define_scores(in, stages, grid);
    } else {
      sluice::GramScores(in, grid.w, grid.h, fuse).define(stages, stages["downsampled"]);
    }
    define_attention(in, stages, grid);
    define_paste(in, stages, grid);
    return stages;
  }

 private:
  struct Grid {
    Expr w, h;
    Expr inside(const Expr &px, const Expr &py) const { return px >= 0 && px < w && py >= 0 && py < h; }
  };
  const Var c{"c"}, x{"x"}, y{"y"}, n{"n"}, kx{"kx"}, ky{"ky"}, qx{"qx"}, qy{"qy"}, px{"px"}, py{"py"},
      parity{"parity"};

  // The mask of picture n: one may serve all.
  Expr mask_of(const Context &in) const { return min(n, in["mask"].extent.at("n") - 1); }

  // Of the output only the queries of a part of the grid are answered where a run needs no more; forward, and not on a
  // GPU.
  static Expr part(const Context &in, const std::string &side, const Expr &whole) {
    const Expr positions = in.scalar("part_" + side);
    return in.device ? whole : select(positions > 0, 2 * positions, whole);
  }

  // Published steps 3 and 5: the mask at feature size, at grid size, and mm = 1 where no hole is near.
  void define_mask(const Context &in, Stages &stages, const Grid &grid) const {
    const auto &size = in["input"].extent, &mask = in["mask"].extent;
    Func &feature = stages.add("mask_feature"), &small = stages.add("mask_small"), &mm = stages.add("mm");
    feature(x, y, n) = in["mask"](0, sluice::nearest(x, mask.at("x"), size.at("x"), true),
                                  sluice::nearest(y, mask.at("y"), size.at("y"), true), mask_of(in));
    const auto at = [&](const Expr &i, const Expr &j) {
      return feature(sluice::nearest(i, size.at("x"), grid.w, true), sluice::nearest(j, size.at("y"), grid.h, true), n);
    };
    small(x, y, n) = at(x, y);
    Expr hole = in.constant(0);
    for (int dy = -1; dy <= 1; dy++) {
      for (int dx = -1; dx <= 1; dx++) {
        hole = max(hole, select(grid.inside(x + dx, y + dy), abs(at(x + dx, y + dy)), in.constant(0)));
      }
    }
    mm(x, y, n) = select(hole == in.constant(0), in.constant(1), in.constant(0));
  }

  // Step 2: the feature subsampled by align_corners indices; zero beyond the grid.
  void define_downsampled(const Context &in, Stages &stages, const Grid &grid) const {
    const Operand &input = in["input"];
    Func &column = stages.add("column"), &row = stages.add("row"), &downsampled = stages.add("downsampled");
    column(x) = sluice::nearest(clamp(x, 0, grid.w - 1), input.extent.at("x"), grid.w, true);
    row(y) = sluice::nearest(clamp(y, 0, grid.h - 1), input.extent.at("y"), grid.h, true);
    downsampled(c, x, y, n) = select(grid.inside(x, y), input(c, column(x), row(y), n), in.constant(0));
  }

  // Step 4: 3x3 patches.
  void define_patches(const Context &in, Stages &stages, const Grid &grid) const {
    const Func downsampled = stages["downsampled"];
    const auto patch = [&](const Expr &i, const Expr &j) {
      return select(grid.inside(i, j), downsampled(c, i + kx - 1, j + ky - 1, n), in.constant(0));
    };
    Func &query = stages.add("query"), &squares = stages.add("squares"), &norm = stages.add("norm"),
         &key = stages.add("key");
    query(c, kx, ky, x, y, n) = fuse ? continued(patch, grid) : patch(x, y);
    const RDom r(0, in["input"].extent.at("c"), 0, 3, 0, 3, "r");
    squares(x, y, n) = in.constant(0);
    squares(x, y, n) += query(r[0], r[1], r[2], x, y, n) * query(r[0], r[1], r[2], x, y, n);
    // sqrt(max(s, floor^2)) is max(sqrt(s), floor), without the infinite slope of sqrt at 0.
    const Expr floor = in.scalar("norm_floor");
    norm(x, y, n) = sqrt(max(squares(x, y, n), floor * floor));
    key(c, kx, ky, x, y, n) = query(c, kx, ky, x, y, n) / norm(x, y, n);
  }
  using Operand = sluice::Operand;

  // The patch at a grid position continued by one on every side, see the top of the file. Every read is affine.
  template <typename Patch>
  Expr continued(const Patch &patch, const Grid &grid) const {
    const Expr inner = select(likely(x >= 0 && x < grid.w), patch(x, y),
                              select(x < 0, patch(x + grid.w, y - 1), patch(x - grid.w, y + 1)));
    const Expr below = select(x + 1 < grid.w, patch(x + 1, y - grid.h), patch(x + 1 - grid.w, y - grid.h + 1));
    const Expr above = select(x - 1 >= 0, patch(x - 1, y + grid.h), patch(x - 1 + grid.w, y + grid.h - 1));
    return select(likely(y >= 0 && y < grid.h), inner, select(y < 0, above, below));
  }

  // Steps 6 and 7.
  void define_scores(const Context &in, Stages &stages, const Grid &grid) const {
    Func &scores = stages.add("scores");
    const RDom r(0, in["input"].extent.at("c"), 0, 3, 0, 3, "k");
    scores(qx, qy, px, py, n) = in.constant(0);
    scores(qx, qy, px, py, n) +=
        stages["key"](r[0], r[1], r[2], qx, qy, n) * stages["query"](r[0], r[1], r[2], px, py, n);
    if (!fuse) return;
    // Rows -1 and gh are shifted by one column, so one position of each is no position at all.
    const auto exists = [&](const Expr &i, const Expr &j) {
      const Expr shifted = i + select(j < 0, -1, j >= grid.h, 1, 0);
      return shifted >= 0 && shifted < grid.w;
    };
    Func &rows = stages.add("fused_rows"), &fused = stages.add("fused");
    rows(qx, qy, px, py, n) =
        select(exists(qx, qy) && exists(px, py),
               scores(qx - 1, qy, px - 1, py, n) + scores(qx, qy, px, py, n) + scores(qx + 1, qy, px + 1, py, n),
               in.constant(0));
    fused(qx, qy, px, py, n) =
        rows(qx, qy - 1, px, py - 1, n) + rows(qx, qy, px, py, n) + rows(qx, qy + 1, px, py + 1, n);
  }

  // Step 8: softmax over keys; a masked key keeps logit 0, so it still counts in the sum.
  void define_attention(const Context &in, Stages &stages, const Grid &grid) const {
    Func &logit = stages.add("logit"), &row_max = stages.add("row_max"), &unnormalised = stages.add("unnormalised");
    Func &row_sum = stages.add("row_sum"), &attention = stages.add("attention"), &mm = stages["mm"];
    const Expr mask_n = mask_of(in);
    logit(qx, qy, px, py, n) =
        stages[fuse ? "fused" : "scores"](qx, qy, px, py, n) * mm(qx, qy, mask_n) * in.scalar("softmax_scale");
    const RDom q(0, grid.w, 0, grid.h, "q");
    if (in.has("saved_row_max")) {
      row_max(px, py, n) = in["saved_row_max"](px, py, n);
    } else {
      row_max(px, py, n) = in.element.min();
      row_max(px, py, n) = max(row_max(px, py, n), logit(q.x, q.y, px, py, n));
    }
    // Backward asks for queries beyond the grid as well, whose maximum is 0, and multiplies what comes of it by 0.
    const Expr below = logit(qx, qy, px, py, n) - row_max(px, py, n);
    unnormalised(qx, qy, px, py, n) = in.backward ? sluice::finite_exp(below) : exp(below);
    row_sum(px, py, n) = in.constant(0);
    row_sum(px, py, n) += unnormalised(q.x, q.y, px, py, n);
    // Zero beyond the grid. There are no more queries and rows of keys than the grid has; autodiff wants plain indices.
    const auto within = [&](const Expr &i, const Expr &extent) { return in.backward ? i : clamp(i, 0, extent - 1); };
    const Expr row = within(qy, grid.h), to_x = within(px, grid.w), to_y = within(py, grid.h);
    attention(qx, qy, px, py, n) =
        select(grid.inside(qx, qy) && grid.inside(px, py),
               unnormalised(qx, row, to_x, to_y, n) * mm(qx, row, mask_n) * (in.constant(1) / row_sum(to_x, to_y, n)),
               in.constant(0));
  }

  // 1 where `spread` has something to paste: one of its four keys is known. All attention of the others is 0, so their
  // pixels are not even read; in a picture with a hole of a quarter they are a quarter of the keys.
  Func &define_pasted(const Context &in, Stages &stages, const Grid &grid) const {
    const Func mm = stages["mm"];
    Expr known = in.constant(0);
    for (int d = 0; d < 4; d++) {
      const Expr i = x + d % 2, j = y + d / 2;
      const Expr at = mm(clamp(i, 0, grid.w - 1), clamp(j, 0, grid.h - 1), n);
      known = max(known, select(grid.inside(i, j), at, in.constant(0)));
    }
    Func &pasted = stages.add("pasted");
    pasted(x, y, n) = cast<uint8_t>(known > in.constant(0));
    return pasted;
  }

  // Step 9.
  void define_paste(const Context &in, Stages &stages, const Grid &grid) const {
    const Func attention = stages["attention"];
    Func &value = stages.add("value");
    value(c, x, y, n) = in["input"](c, x, y, n);
    RDom q(0, grid.w, 0, grid.h, "q");
    Func &spread = stages.add("spread");
    Expr sum;
    for (int d = 0; d < 4; d++) {
      const Expr shifted = attention(qx + d % 2, qy + d / 2, px + d % 2, py + d / 2, n);
      sum = sum.defined() ? sum + shifted : shifted;
    }
    spread(qx, qy, px, py, n) = sum;
    // One parity's term of pair (q, p).
    const auto term = [&](const Expr &ex, const Expr &ey) {
      return spread(q.x + ex - 1, q.y + ey - 1, px + ex - 1, py + ey - 1, n) * value(c, q.x * 2 + ex, q.y * 2 + ey, n);
    };
    Func &output = stages.add("output");
    if (!in.backward) {
      Func &paste = stages.add("paste");
      paste(c, px, py, parity, n) = in.constant(0);
      const Expr ex = parity % 2, ey = parity / 2;
      if (!in.device) q.where(define_pasted(in, stages, grid)(q.x + ex - 1, q.y + ey - 1, mask_of(in)) != 0);
      paste(c, px, py, parity, n) += term(ex, ey);
      const Expr left = in.device ? Expr(0) : in.scalar("part_x"), above = in.device ? Expr(0) : in.scalar("part_y");
      output(c, x, y, n) = paste(c, x / 2 + left, y / 2 + above, y % 2 * 2 + x % 2, n) * in.constant(0.25);
      return;
    }
    // A function each: the adjoint of a sum whose parity is an index would scatter.
    std::vector<Expr> parities;
    for (int number = 0; number < 4; number++) {
      Func &paste = stages.add("paste" + std::to_string(number));
      paste(c, px, py, n) = in.constant(0);
      paste(c, px, py, n) += term(number % 2, number / 2);
      parities.push_back(paste(c, x / 2, y / 2, n) * in.constant(0.25));
    }
    output(c, x, y, n) =
        select(y % 2 == 0, select(x % 2 == 0, parities[0], parities[1]), select(x % 2 == 0, parities[2], parities[3]));
  }
};

SLUICE_REGISTER_LAYER(ContextualAttention, contextual_attention)
