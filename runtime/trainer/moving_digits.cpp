// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "runtime/trainer/video_data.h"

namespace sluice {
namespace {

constexpr double kSide = 28.0 / 64;       // of a digit, of the frame's shorter side
constexpr double kStep = 3.6 / 64;        // that it moves from frame to frame, of the shorter side
constexpr double kHalfStroke = 1.4 / 28;  // of its side
constexpr double kEdge = 0.7 / 28;        // over which a stroke fades

struct Segment {
  double x0, y0, x1, y1;
};

// The bars of a digit that is made of seven, in a square of side 1: top, two above, middle, two below, bottom.
constexpr std::array<Segment, 7> kBars = {{{0.3, 0.15, 0.7, 0.15},
                                           {0.3, 0.15, 0.3, 0.5},
                                           {0.7, 0.15, 0.7, 0.5},
                                           {0.3, 0.5, 0.7, 0.5},
                                           {0.3, 0.5, 0.3, 0.85},
                                           {0.7, 0.5, 0.7, 0.85},
                                           {0.3, 0.85, 0.7, 0.85}}};
// Bit b: bar b is there.
constexpr std::array<unsigned, 10> kDigits = {0b1110111, 0b0100100, 0b1011101, 0b1101101, 0b0101110,
                                              0b1101011, 0b1111011, 0b0100101, 0b1111111, 0b1101111};

double distance(const Segment &bar, double x, double y) {
  const double dx = bar.x1 - bar.x0, dy = bar.y1 - bar.y0;
  const double along = std::clamp(((x - bar.x0) * dx + (y - bar.y0) * dy) / (dx * dx + dy * dy), 0.0, 1.0);
  return std::hypot(x - bar.x0 - along * dx, y - bar.y0 - along * dy);
}

struct Digit {
  unsigned bars;
  double slant;                 // of its upright bars
  double x, y, step_x, step_y;  // of its corner, pixels
};

double ink(const Digit &digit, double side, double x, double y) {
  const double v = (y - digit.y) / side, u = (x - digit.x) / side + digit.slant * (v - 0.5);
  if (u < 0 || u > 1 || v < 0 || v > 1) return 0;
  double nearest = 1;
  for (size_t bar = 0; bar < kBars.size(); bar++) {
    if ((digit.bars >> bar & 1) != 0) nearest = std::min(nearest, distance(kBars[bar], u, v));
  }
  return std::clamp((kHalfStroke + kEdge - nearest) / kEdge, 0.0, 1.0);
}

// One step of a coordinate between 0 and `most`, turned around at the ends.
void bounce(double &place, double &step, double most) {
  place += step;
  if (place < 0 || place > most) {
    step = -step;
    place = std::clamp(place, 0.0, most);
  }
}

}  // namespace

void compute_digits(int width, int height, int frames, int64_t digits, Draws &draws, float *values) {
  const double shorter = std::min(width, height), side = kSide * shorter;
  std::vector<Digit> moving;
  for (int64_t i = 0; i < digits; i++) {
    Digit digit{};
    digit.bars = kDigits.at(static_cast<size_t>(draws.integer(0, 9)));
    digit.slant = draws.uniform(-0.25, 0.25);
    digit.x = draws.uniform(0, width - side), digit.y = draws.uniform(0, height - side);
    const double angle = draws.uniform(0, 2 * std::numbers::pi);
    digit.step_x = kStep * shorter * std::cos(angle), digit.step_y = kStep * shorter * std::sin(angle);
    moving.push_back(digit);
  }
  for (int t = 0; t < frames; t++) {
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        double most = 0;
        for (const Digit &digit : moving) most = std::max(most, ink(digit, side, x + 0.5, y + 0.5));
        *values++ = static_cast<float>(most);
      }
    }
    for (Digit &digit : moving) {
      bounce(digit.x, digit.step_x, width - side);
      bounce(digit.y, digit.step_y, height - side);
    }
  }
}

}  // namespace sluice
