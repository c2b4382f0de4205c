// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/edges.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "runtime/trainer/pictures.h"

namespace sluice {
namespace {

constexpr float kThreshold = 16;         // of luma, 0..255, a pixel
constexpr float kTangent = 0.41421356f;  // of 22.5 degrees: which neighbours lie across an edge
constexpr float kBinomial[] = {1 / 16.0f, 4 / 16.0f, 6 / 16.0f, 4 / 16.0f, 1 / 16.0f};  // a Gaussian of sigma 1

// Outside, the border's values go on.
struct Grid {
  int width, height;
  std::vector<float> values;

  Grid(int w, int h) : width(w), height(h), values(static_cast<size_t>(w) * static_cast<size_t>(h)) {}
  size_t index(int x, int y) const {
    return static_cast<size_t>(std::clamp(y, 0, height - 1)) * static_cast<size_t>(width) +
           static_cast<size_t>(std::clamp(x, 0, width - 1));
  }
  float at(int x, int y) const { return values[index(x, y)]; }
};

Grid smoothed(const Grid &given) {
  Grid across(given.width, given.height), both(given.width, given.height);
  for (int y = 0; y < given.height; y++) {
    for (int x = 0; x < given.width; x++) {
      for (int k = 0; k < 5; k++) across.values[across.index(x, y)] += kBinomial[k] * given.at(x + k - 2, y);
    }
  }
  for (int y = 0; y < given.height; y++) {
    for (int x = 0; x < given.width; x++) {
      for (int k = 0; k < 5; k++) both.values[both.index(x, y)] += kBinomial[k] * across.at(x, y + k - 2);
    }
  }
  return both;
}

}  // namespace

void draw_edges(const float *rgb, int width, int height, float *edges) {
  Grid luma(width, height);
  const size_t pixels = luma.values.size();
  for (size_t p = 0; p < pixels; p++)
    luma.values[p] = kLuma[0] * rgb[p] + kLuma[1] * rgb[p + pixels] + kLuma[2] * rgb[p + 2 * pixels];
  luma = smoothed(luma);
  Grid size(width, height);
  const auto gradient_x = [&](int x, int y) { return (luma.at(x + 1, y) - luma.at(x - 1, y)) / 2; };
  const auto gradient_y = [&](int x, int y) { return (luma.at(x, y + 1) - luma.at(x, y - 1)) / 2; };
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++) size.values[size.index(x, y)] = std::hypot(gradient_x(x, y), gradient_y(x, y));
  }
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++) {
      const float gx = gradient_x(x, y), gy = gradient_y(x, y), here = size.at(x, y);
      const int dx = std::abs(gx) <= kTangent * std::abs(gy) ? 0 : gx > 0 ? 1 : -1;
      const int dy = std::abs(gy) <= kTangent * std::abs(gx) ? 0 : gy > 0 ? 1 : -1;
      const bool ridge = here > size.at(x + dx, y + dy) && here >= size.at(x - dx, y - dy);
      *edges++ = here >= kThreshold && ridge ? 1.0f : 0.0f;
    }
  }
}

}  // namespace sluice
