// SPDX-License-Identifier: Apache-2.0
// A stroke is a chain of capsules: all pixels within half its width of a line. A stroke's vertices turn by angles
// around 72 degrees, up and down in turn; steps are normal, around an eighth of the diagonal.
#include "runtime/trainer/masks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

struct Canvas {
  int width, height;
  std::vector<uint8_t> &mask;

  void fill_row(int y, double first, double last) {
    const int from = std::max(0, static_cast<int>(std::ceil(first)));
    const int to = std::min(width - 1, static_cast<int>(std::floor(last)));
    uint8_t *row = mask.data() + static_cast<size_t>(y) * static_cast<size_t>(width);
    for (int x = from; x <= to; x++) row[x] = 1;
  }
};

struct Point {
  int64_t x = 0, y = 0;
};

double squared(double v) { return v * v; }

void draw_capsule(Canvas &canvas, const Point &a, const Point &b, double radius) {
  const double dx = static_cast<double>(b.x - a.x), dy = static_cast<double>(b.y - a.y);
  const double length2 = dx * dx + dy * dy;
  const auto reach = static_cast<int64_t>(std::ceil(radius));
  const int64_t top = std::max<int64_t>(0, std::min(a.y, b.y) - reach);
  const int64_t bottom = std::min<int64_t>(canvas.height - 1, std::max(a.y, b.y) + reach);
  const int64_t left = std::max<int64_t>(0, std::min(a.x, b.x) - reach);
  const int64_t right = std::min<int64_t>(canvas.width - 1, std::max(a.x, b.x) + reach);
  for (int64_t y = top; y <= bottom; y++) {
    for (int64_t x = left; x <= right; x++) {
      const double px = static_cast<double>(x - a.x), py = static_cast<double>(y - a.y);
      const double along = length2 > 0 ? std::clamp((px * dx + py * dy) / length2, 0.0, 1.0) : 0.0;
      if (squared(px - along * dx) + squared(py - along * dy) <= radius * radius)
        canvas.mask[static_cast<size_t>(y) * static_cast<size_t>(canvas.width) + static_cast<size_t>(x)] = 1;
    }
  }
}

void draw_stroke(const BrushOptions &brush, Canvas &canvas, Draws &draws) {
  const double w = canvas.width, h = canvas.height;
  const double average = std::sqrt(h * h + w * w) / 8, deviation = std::floor(average / 2);
  const int64_t vertices = draws.integer(brush.vertices.first, brush.vertices.second);
  const double least = kTurn / 5 - draws.uniform(0, kTurn / 15), most = kTurn / 5 + draws.uniform(0, kTurn / 15);
  std::vector<Point> points = {{draws.integer(0, canvas.width - 1), draws.integer(0, canvas.height - 1)}};
  for (int64_t i = 0; i < vertices; i++) {
    const double drawn = draws.uniform(least, most), angle = i % 2 == 0 ? kTurn - drawn : drawn;
    const double step = std::clamp(average + deviation * draws.normal(), 0.0, 2 * average);
    const double x = static_cast<double>(points.back().x) + step * std::cos(angle);
    const double y = static_cast<double>(points.back().y) + step * std::sin(angle);
    points.push_back({static_cast<int64_t>(std::clamp(x, 0.0, w)), static_cast<int64_t>(std::clamp(y, 0.0, h))});
  }
  const auto ends = brush.width;
  const auto width =
      static_cast<int64_t>(draws.uniform(static_cast<double>(ends.first), static_cast<double>(ends.second)));
  for (size_t i = 1; i < points.size(); i++)
    draw_capsule(canvas, points[i - 1], points[i], static_cast<double>(width) / 2);
}

void draw_rectangle(const RectangleOptions &options, Canvas &canvas, Draws &draws) {
  const auto [height, width] = options.size;
  const int64_t top = draws.integer(options.margin.first, canvas.height - options.margin.first - height);
  const int64_t left = draws.integer(options.margin.second, canvas.width - options.margin.second - width);
  const int64_t down = draws.integer(0, options.delta.first / 2), across = draws.integer(0, options.delta.second / 2);
  for (int64_t y = top + down; y < top + height - down; y++) {
    canvas.fill_row(static_cast<int>(y), static_cast<double>(left + across),
                    static_cast<double>(left + width - across - 1));
  }
}

}  // namespace

void check_masks(const MaskOptions &options, int width, int height) {
  if (!options.rectangle) return;
  const RectangleOptions &rectangle = *options.rectangle;
  const auto check = [](const char *side, int64_t size, int64_t margin, int64_t delta, int64_t picture) {
    if (size + 2 * margin > picture) {
      throw Error(ErrorCode::usage,
                  fmt::format("a rectangle {} of {} with margins of {} is too large for pictures of {}", side, size,
                              margin, picture));
    }
    if (delta / 2 * 2 >= size)
      throw Error(ErrorCode::usage, fmt::format("delta {} leaves nothing of a rectangle {} of {}", delta, side, size));
  };
  check("height", rectangle.size.first, rectangle.margin.first, rectangle.delta.first, height);
  check("width", rectangle.size.second, rectangle.margin.second, rectangle.delta.second, width);
}

std::vector<uint8_t> draw_mask(const MaskOptions &options, int width, int height, Draws &draws) {
  std::vector<uint8_t> mask(static_cast<size_t>(width) * static_cast<size_t>(height), 0);
  Canvas canvas{width, height, mask};
  if (options.brush) {
    const int64_t strokes = draws.integer(options.brush->strokes.first, options.brush->strokes.second);
    for (int64_t i = 0; i < strokes; i++) draw_stroke(*options.brush, canvas, draws);
  }
  if (options.rectangle) draw_rectangle(*options.rectangle, canvas, draws);
  return mask;
}

}  // namespace sluice
