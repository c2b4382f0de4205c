// SPDX-License-Identifier: Apache-2.0
// Separable resampling: weights of one axis, applied to rows and to columns.
#include "runtime/image/resample.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "weights_io/error.h"

namespace sluice {
namespace {

double bicubic(double x) {
  constexpr double kA = -0.5;
  x = std::fabs(x);
  if (x < 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * kA;
  return 0;
}

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return std::fabs(x) < 3 ? sinc(x) * sinc(x / 3) : 0; }

// What one sample of the result is made of: weights of consecutive samples from `first` on.
struct Taps {
  int first = 0;
  std::vector<double> weights;
};

std::vector<Taps> taps_of(int from, int to, Filter filter) {
  const double scale = static_cast<double>(from) / to;
  const double stretch = std::max(scale, 1.0);
  const double support = (filter == Filter::bicubic ? 2 : 3) * stretch;
  std::vector<Taps> all(static_cast<size_t>(to));
  for (int i = 0; i < to; i++) {
    const double centre = (i + 0.5) * scale;
    Taps &taps = all[static_cast<size_t>(i)];
    taps.first = std::max(static_cast<int>(std::floor(centre - support + 0.5)), 0);
    const int last = std::min(static_cast<int>(std::floor(centre + support + 0.5)), from);
    double sum = 0;
    for (int k = taps.first; k < last; k++) {
      const double x = (k - centre + 0.5) / stretch;
      taps.weights.push_back(filter == Filter::bicubic ? bicubic(x) : lanczos(x));
      sum += taps.weights.back();
    }
    for (double &weight : taps.weights) weight /= sum;
  }
  return all;
}

Plane resize_rows(const Plane &plane, int width, Filter filter) {
  if (width == plane.width) return plane;
  const std::vector<Taps> taps = taps_of(plane.width, width, filter);
  Plane result{width, plane.height, {}};
  result.values.reserve(static_cast<size_t>(width) * static_cast<size_t>(plane.height));
  for (int y = 0; y < plane.height; y++) {
    const float *row = plane.values.data() + static_cast<size_t>(y) * static_cast<size_t>(plane.width);
    for (const Taps &sample : taps) {
      double sum = 0;
      for (size_t k = 0; k < sample.weights.size(); k++) {
        sum += sample.weights[k] * static_cast<double>(row[static_cast<size_t>(sample.first) + k]);
      }
      result.values.push_back(static_cast<float>(sum));
    }
  }
  return result;
}

Plane resize_columns(const Plane &plane, int height, Filter filter) {
  if (height == plane.height) return plane;
  const auto width = static_cast<size_t>(plane.width);
  Plane result{plane.width, height, {}};
  result.values.reserve(width * static_cast<size_t>(height));
  std::vector<double> sums(width);
  for (const Taps &sample : taps_of(plane.height, height, filter)) {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (size_t k = 0; k < sample.weights.size(); k++) {
      const float *row = plane.values.data() + (static_cast<size_t>(sample.first) + k) * width;
      for (size_t x = 0; x < width; x++) sums[x] += sample.weights[k] * static_cast<double>(row[x]);
    }
    for (const double sum : sums) result.values.push_back(static_cast<float>(sum));
  }
  return result;
}

}  // namespace

Plane resize(const Plane &plane, int width, int height, Filter filter) {
  const bool whole = plane.width > 0 && plane.height > 0 &&
                     plane.values.size() == static_cast<size_t>(plane.width) * static_cast<size_t>(plane.height);
  if (!whole || width < 1 || height < 1) {
    throw Error(ErrorCode::usage, fmt::format("cannot resize {} x {} pixels, {} values, to {} x {}", plane.width,
                                              plane.height, plane.values.size(), width, height));
  }
  return resize_columns(resize_rows(plane, width, filter), height, filter);
}

}  // namespace sluice
