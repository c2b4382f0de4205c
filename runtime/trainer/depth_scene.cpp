// SPDX-License-Identifier: Apache-2.0
// A pinhole camera above a flat road. What is nearer covers what is farther; colours fade with depth, so that the
// picture tells something of it and its edges are those of the depth.
#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/trainer/depth_data.h"

namespace sluice {
namespace {

constexpr double kNearest = 2, kFarthest = 60, kCamera = 1.6;  // metres; kCamera: its height
constexpr double kFog = 0.6;                                   // of the way to grey at kFarthest
constexpr double kGrey = 150;
constexpr double kLines = 16, kKept = 0.8;  // scan lines of a picture, of which every other column, a part of them

struct Body {
  double x, y, across, down;  // centre and half sides, of a picture of side 1
  double depth, slope;        // metres; metres over its width
  bool round;
  std::array<double, 3> colour;
};

Body draw_body(double horizon, Draws &draws) {
  Body body{};
  body.depth = kNearest * std::pow(kFarthest / kNearest / 1.5, draws.uniform(0.2, 1));
  const double size = 2 * draws.uniform(0.5, 1.5) / body.depth;  // of the picture's height
  body.x = draws.uniform(), body.across = std::min(0.4, size * draws.uniform(0.5, 1.5)),
  body.down = std::min(0.4, size);
  body.y = horizon + kCamera / body.depth - body.down;  // it stands on the road
  body.slope = draws.uniform(-0.2, 0.2) * body.depth;
  body.round = draws.uniform() < 0.5;
  for (double &part : body.colour) part = draws.uniform(0, 255);
  return body;
}

struct Seen {
  double depth;
  std::array<double, 3> colour;
};

class Scene {
 public:
  explicit Scene(Draws &draws) : horizon_(draws.uniform(0.3, 0.5)), wall_(draws.uniform(0.5, 1) * kFarthest) {
    for (auto *colour : {&road_, &far_}) {
      for (double &part : *colour) part = draws.uniform(40, 215);
    }
    const int64_t bodies = draws.integer(3, 7);
    for (int64_t i = 0; i < bodies; i++) bodies_.push_back(draw_body(horizon_, draws));
  }

  Seen at(double x, double y) const {
    Seen seen{wall_, far_};
    const double road = y > horizon_ ? kCamera / (y - horizon_) : kFarthest;
    if (road < seen.depth) seen = {std::max(road, kNearest), road_};
    for (const Body &body : bodies_) {
      const double u = (x - body.x) / body.across, v = (y - body.y) / body.down;
      const bool inside = body.round ? u * u + v * v <= 1 : std::abs(u) <= 1 && std::abs(v) <= 1;
      const double depth = std::max(kNearest, body.depth + body.slope * u);
      if (inside && depth < seen.depth) seen = {depth, body.colour};
    }
    const double fog = kFog * seen.depth / kFarthest;
    for (double &part : seen.colour) part += (kGrey - part) * fog;
    return seen;
  }

 private:
  double horizon_, wall_;
  std::array<double, 3> road_{}, far_{};
  std::vector<Body> bodies_;
};

}  // namespace

DepthScene compute_depth_scene(int width, int height, Draws &draws) {
  const Scene scene(draws);
  const size_t pixels = static_cast<size_t>(width) * static_cast<size_t>(height);
  DepthScene made;
  made.rgb.resize(3 * pixels), made.depth.resize(pixels), made.lidar.resize(pixels);
  const int spacing = std::max(4, static_cast<int>(height / kLines));
  const auto first = draws.integer(0, spacing - 1);
  const double kept = draws.uniform(kKept / 2, kKept);
  const uint64_t pattern = draws.whole();
  size_t p = 0;
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++, p++) {
      const Seen seen = scene.at((x + 0.5) / width, (y + 0.5) / height);
      for (size_t c = 0; c < 3; c++) made.rgb[c * pixels + p] = static_cast<float>(seen.colour[c]);
      made.depth[p] = static_cast<float>(seen.depth);
      const bool scanned = y % spacing == first && x % 2 == 0 && uniform_number(pattern, 0, p) < kept;
      made.lidar[p] = scanned ? made.depth[p] : 0.0f;
    }
  }
  return made;
}

}  // namespace sluice
