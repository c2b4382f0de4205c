// SPDX-License-Identifier: Apache-2.0
// Contextual attention in the published order of steps: patches, scores as a pairs matrix, two flat diagonal fuses with
// their wraps, softmax with masked logits 0, transposed convolution. Nothing here is blocked or rearranged.
#include <vector>

#include "tests/layers/convolution_reference.h"
#include "tests/layers/nearest_reference.h"

namespace sluice::testing {
namespace {

template <typename T>
using Matrix = std::vector<std::vector<T>>;  // [query][key], flat row-major positions

template <typename T>
Matrix<T> matrix(size_t count) {
  return Matrix<T>(count, std::vector<T>(count, T(0)));
}

template <typename T>
Array<T> subsample(const Array<T> &array, int64_t height, int64_t width) {
  Array<T> small({array.shape[0], array.shape[1], height, width});
  for (int64_t n = 0; n < array.shape[0]; n++) {
    for (int64_t c = 0; c < array.shape[1]; c++) {
      for (int64_t y = 0; y < height; y++) {
        for (int64_t x = 0; x < width; x++) {
          small.at(n, c, y, x) =
              array.at(n, c, align_corners(y, array.shape[2], height), align_corners(x, array.shape[3], width));
        }
      }
    }
  }
  return small;
}

// 3x3 patches of the grid, zero outside: [position][tap].
template <typename T>
Matrix<T> patches_of(const Array<T> &grid, int64_t n) {
  Matrix<T> patches;
  for (int64_t y = 0; y < grid.shape[2]; y++) {
    for (int64_t x = 0; x < grid.shape[3]; x++) {
      std::vector<T> patch;
      for (int64_t c = 0; c < grid.shape[1]; c++) {
        for (int64_t k = 0; k < 9; k++) patch.push_back(grid.padded(n, c, y + k / 3 - 1, x + k % 3 - 1));
      }
      patches.push_back(patch);
    }
  }
  return patches;
}

template <typename T>
Matrix<T> scores_of(const Matrix<T> &patches, double norm_floor) {
  using std::sqrt;
  Matrix<T> scores = matrix<T>(patches.size());
  for (size_t q = 0; q < patches.size(); q++) {
    T squares = T(0);
    for (const T &v : patches[q]) squares += v * v;
    const T norm = real_part(squares) > norm_floor * norm_floor ? T(sqrt(squares)) : T(norm_floor);
    for (size_t p = 0; p < patches.size(); p++) {
      T sum = T(0);
      for (size_t k = 0; k < patches[q].size(); k++) sum += patches[p][k] * (patches[q][k] / norm);
      scores[p][q] = sum;
    }
  }
  return scores;
}

// y[p][q] + its neighbours on the diagonal of the flat matrix.
template <typename T>
Matrix<T> diagonal_sum(const Matrix<T> &y) {
  Matrix<T> sum = y;
  for (size_t p = 0; p < y.size(); p++) {
    for (size_t q = 0; q < y.size(); q++) {
      if (p > 0 && q > 0) sum[p][q] += y[p - 1][q - 1];
      if (p + 1 < y.size() && q + 1 < y.size()) sum[p][q] += y[p + 1][q + 1];
    }
  }
  return sum;
}

// Row-major positions of a height x width grid renumbered column-major.
template <typename T>
Matrix<T> transpose_grids(const Matrix<T> &y, size_t height, size_t width) {
  Matrix<T> turned = y;
  const auto column_major = [&](size_t p) { return (p % width) * height + p / width; };
  for (size_t p = 0; p < y.size(); p++) {
    for (size_t q = 0; q < y.size(); q++) turned[column_major(p)][column_major(q)] = y[p][q];
  }
  return turned;
}

template <typename T>
void softmax_rows(Matrix<T> &y, const std::vector<bool> &usable, double scale) {
  using std::exp;
  for (std::vector<T> &row : y) {
    double largest = -1e300;
    for (size_t q = 0; q < row.size(); q++) {
      row[q] = usable[q] ? row[q] * scale : T(0);
      largest = std::max(largest, real_part(row[q]));
    }
    T sum = T(0);
    for (T &v : row) sum += v = exp(v - largest);
    for (size_t q = 0; q < row.size(); q++) row[q] = usable[q] ? row[q] / sum : T(0);
  }
}

template <typename T>
void paste(const Matrix<T> &attention, const Array<T> &input, int64_t n, Array<T> &output) {
  const int64_t width = input.shape[3] / 2;
  for (size_t p = 0; p < attention.size(); p++) {
    for (size_t q = 0; q < attention.size(); q++) {
      const int64_t px = static_cast<int64_t>(p) % width, py = static_cast<int64_t>(p) / width;
      const int64_t qx = static_cast<int64_t>(q) % width, qy = static_cast<int64_t>(q) / width;
      for (int64_t k = 0; k < 16; k++) {
        const int64_t y = 2 * py - 1 + k / 4, x = 2 * px - 1 + k % 4;
        if (y < 0 || x < 0 || y >= output.shape[2] || x >= output.shape[3]) continue;
        for (int64_t c = 0; c < output.shape[1]; c++) {
          output.at(n, c, y, x) += attention[p][q] * input.padded(n, c, 2 * qy - 1 + k / 4, 2 * qx - 1 + k % 4) / 4.0;
        }
      }
    }
  }
}

struct ContextualAttention {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Array<T> &input = in.at("input");
    const size_t height = static_cast<size_t>(input.shape[2] / 2), width = static_cast<size_t>(input.shape[3] / 2);
    const int64_t grid_h = input.shape[2] / 2, grid_w = input.shape[3] / 2;
    const Array<T> mask = subsample(subsample(in.at("mask"), input.shape[2], input.shape[3]), grid_h, grid_w);
    const Array<T> small = subsample(input, grid_h, grid_w);
    Array<T> output(input.shape);
    for (int64_t n = 0; n < input.shape[0]; n++) {
      Matrix<T> y = scores_of(patches_of(small, n), a.real("norm_floor", 1e-4));
      if (a.word("fuse", "true") == "true") {
        y = transpose_grids(diagonal_sum(y), height, width);
        y = transpose_grids(diagonal_sum(y), width, height);
      }
      std::vector<bool> usable;
      for (const std::vector<T> &patch : patches_of(mask, std::min(n, mask.shape[0] - 1))) {
        usable.push_back(std::all_of(patch.begin(), patch.end(), [](const T &v) { return real_part(v) == 0; }));
      }
      softmax_rows(y, usable, a.real("softmax_scale", 10));
      paste(y, input, n, output);
    }
    return output;
  }
};

// Scores, two fusing sums, a softmax and a paste: 1.6e-5 of the largest result.
Array<double> bound(const Attributes &a, const Operands<double> &in) {
  return relative_bound(ContextualAttention::value(a, in), 2);
}

const RegisterLayerCases registered(
    "contextual_attention", make_reference<ContextualAttention>(bound),
    {
        {"", "square", "softmax_scale=2", {{1, 6, 8, 8}, {1, 1, 32, 32}}, false, {}, {"mask"}},
        {"", "wide_batch", "softmax_scale=2", {{2, 5, 6, 20}, {1, 1, 24, 80}}, false, {}, {"mask"}},
        {"", "mask_an_item", "softmax_scale=2", {{2, 5, 6, 8}, {2, 1, 24, 32}}, false, {}, {"mask"}},
        {"", "tall_many_channels", "softmax_scale=1", {{1, 19, 40, 6}, {1, 1, 160, 24}}, false, {}, {"mask"}},
        {"", "tiles_meet", "softmax_scale=1", {{1, 4, 36, 38}, {1, 1, 144, 152}}, false, {}, {"mask"}},
        {"", "nofuse", "fuse=false softmax_scale=5", {{1, 6, 10, 14}, {1, 1, 40, 56}}, false, {}, {"mask"}},
        {"", "two_rows", "softmax_scale=3", {{1, 4, 4, 12}, {1, 1, 16, 48}}, false, {}, {"mask"}},
        {"", "all_known", "softmax_scale=3", {{1, 4, 8, 6}, {1, 1, 32, 24}}, false, {{"mask", 0}}, {}},
        {"", "all_hole", "softmax_scale=3", {{1, 4, 8, 6}, {1, 1, 32, 24}}, false, {{"mask", 1}}, {}},
    });

}  // namespace
}  // namespace sluice::testing
