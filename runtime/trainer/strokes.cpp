// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/strokes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numbers>
#include <string_view>

#include "weights_io/atomic_file.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr size_t kMostBytes = 512u << 20;  // of a file; the dataset's largest is under 100 MB
constexpr float kSide = 255, kMargin = 0.04f;

// Little endian.
class BinaryReader {
 public:
  BinaryReader(const std::vector<std::byte> &bytes, const std::string &name) : bytes_(bytes), name_(name) {}

  bool at_end() const { return at_ == bytes_.size(); }

  Drawing drawing() {
    constexpr size_t kHeader = 8 + 2 + 1 + 4;  // key, country, recognised, time
    take(kHeader);
    Drawing drawing(number());
    for (auto &stroke : drawing) {
      stroke.resize(number());
      const std::byte *x = take(stroke.size()), *y = take(stroke.size());
      for (size_t i = 0; i < stroke.size(); i++)
        stroke[i] = {static_cast<float>(std::to_integer<int>(x[i])), static_cast<float>(std::to_integer<int>(y[i]))};
    }
    count_++;
    return drawing;
  }

 private:
  const std::byte *take(size_t bytes) {
    if (bytes_.size() - at_ < bytes)
      throw Error(ErrorCode::bad_file, fmt::format("{}: it ends within drawing {}", name_, count_ + 1));
    at_ += bytes;
    return bytes_.data() + at_ - bytes;
  }
  size_t number() {
    const std::byte *two = take(2);
    return std::to_integer<size_t>(two[0]) | std::to_integer<size_t>(two[1]) << 8;
  }

  const std::vector<std::byte> &bytes_;
  const std::string &name_;
  size_t at_ = 0, count_ = 0;
};

Drawing drawing_of_json(const nlohmann::json &line) {
  Drawing drawing;
  for (const auto &stroke : line.at("drawing")) {
    const auto x = stroke.at(0).get<std::vector<float>>(), y = stroke.at(1).get<std::vector<float>>();
    if (x.size() != y.size()) throw Error(ErrorCode::bad_file, "a stroke has more of x than of y, or the reverse");
    auto &points = drawing.emplace_back();
    for (size_t i = 0; i < x.size(); i++) {
      for (const float v : {x[i], y[i]}) {
        if (!(v >= 0 && v <= kSide)) throw Error(ErrorCode::bad_file, fmt::format("{} is not of 0..255", v));
      }
      points.emplace_back(x[i], y[i]);
    }
  }
  return drawing;
}

std::vector<Drawing> read_lines(const std::vector<std::byte> &bytes, const std::string &name) {
  std::vector<Drawing> drawings;
  std::string_view text(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  for (size_t line = 1; !text.empty(); line++) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view own = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (own.find_first_not_of(" \r\t") == std::string_view::npos) continue;
    try {
      drawings.push_back(drawing_of_json(nlohmann::json::parse(own)));
    } catch (const std::exception &error) {
      throw Error(ErrorCode::bad_file, fmt::format("{}:{}: no drawing: {}", name, line, error.what()));
    }
  }
  return drawings;
}

double length_of(const StrokePoint &a, const StrokePoint &b) {
  return std::hypot(static_cast<double>(b.first) - a.first, static_cast<double>(b.second) - a.second);
}

// Pixels of a piece of line, darkened by how much of them it covers.
void draw_piece(StrokePoint a, StrokePoint b, int width, int height, double line, float *values) {
  const double reach = line / 2 + 1, dx = b.first - a.first, dy = b.second - a.second, square = dx * dx + dy * dy;
  const auto range = [&](float p, float q, int side) {
    return std::pair(std::max(0, static_cast<int>(std::floor(std::min(p, q) - reach))),
                     std::min(side - 1, static_cast<int>(std::ceil(std::max(p, q) + reach))));
  };
  const auto [left, right] = range(a.first, b.first, width);
  const auto [top, bottom] = range(a.second, b.second, height);
  for (int y = top; y <= bottom; y++) {
    for (int x = left; x <= right; x++) {
      const double px = x - static_cast<double>(a.first), py = y - static_cast<double>(a.second);
      const double along = square > 0 ? std::clamp((px * dx + py * dy) / square, 0.0, 1.0) : 0;
      const double away = std::hypot(px - along * dx, py - along * dy);
      const double covered = std::clamp(line / 2 + 0.5 - away, 0.0, 1.0);
      float &value = values[static_cast<ptrdiff_t>(y) * width + x];
      value = std::min(value, static_cast<float>(1 - 2 * covered));
    }
  }
}

std::vector<StrokePoint> ring(double x, double y, double radius, double inner, int64_t corners, double turn) {
  std::vector<StrokePoint> points;
  for (int64_t i = 0; i <= corners; i++) {
    const double angle = turn + 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(corners);
    const double r = i % 2 == 0 ? radius : inner;
    points.emplace_back(static_cast<float>(std::clamp(x + r * std::cos(angle), 0.0, 255.0)),
                        static_cast<float>(std::clamp(y + r * std::sin(angle), 0.0, 255.0)));
  }
  return points;
}

}  // namespace

bool is_stroke_file(const std::filesystem::path &file) {
  return file.extension() == ".bin" || file.extension() == ".ndjson";
}

std::vector<Drawing> read_drawings(const std::filesystem::path &file) {
  const std::vector<std::byte> bytes = read_file(file, kMostBytes);
  const std::string name = file.string();
  if (file.extension() != ".bin") return read_lines(bytes, name);
  std::vector<Drawing> drawings;
  for (BinaryReader reader(bytes, name); !reader.at_end();) drawings.push_back(reader.drawing());
  return drawings;
}

Drawing procedural_drawing(int64_t kind, Draws &draws) {
  constexpr int64_t kCorners = 4, kRing = 24;
  const int64_t corners = 3 + kind % kCorners;
  const bool star = kind / kCorners % 2 == 1, ringed = kind / (2 * kCorners) % 2 == 1;
  const double radius = draws.uniform(60, 115), turn = draws.uniform(0, 2 * std::numbers::pi);
  const double x = draws.uniform(radius, kSide - radius), y = draws.uniform(radius, kSide - radius);
  Drawing drawing = {ring(x, y, radius, star ? 0.45 * radius : radius, star ? 2 * corners : corners, turn)};
  if (ringed) drawing.push_back(ring(x, y, 0.3 * radius, 0.3 * radius, kRing, turn));
  return drawing;
}

Drawing first_strokes(const Drawing &drawing, double share) {
  double left = 0;
  for (const auto &stroke : drawing) {
    for (size_t i = 1; i < stroke.size(); i++) left += share * length_of(stroke[i - 1], stroke[i]);
  }
  Drawing first;
  for (const auto &stroke : drawing) {
    if (stroke.empty()) continue;
    if (left <= 0 && !first.empty()) break;
    auto &own = first.emplace_back(1, stroke[0]);
    for (size_t i = 1; i < stroke.size() && left > 0; i++) {
      const double length = length_of(stroke[i - 1], stroke[i]);
      const auto part = static_cast<float>(length > left ? left / length : 1);
      const auto &[x, y] = stroke[i - 1];
      own.emplace_back(x + part * (stroke[i].first - x), y + part * (stroke[i].second - y));
      left -= length;
    }
  }
  return first;
}

void draw_strokes(const Drawing &drawing, int width, int height, double line, float *values) {
  std::fill_n(values, static_cast<ptrdiff_t>(width) * height, 1.0f);
  const auto place = [&](const StrokePoint &point) {
    const auto along = [](float v, int side) {
      const float border = kMargin * static_cast<float>(side - 1);
      return border + v / kSide * (static_cast<float>(side - 1) - 2 * border);
    };
    return StrokePoint(along(point.first, width), along(point.second, height));
  };
  for (const auto &stroke : drawing) {
    for (size_t i = 0; i < stroke.size(); i++)
      draw_piece(place(stroke[i == 0 ? 0 : i - 1]), place(stroke[i]), width, height, line, values);
  }
}

}  // namespace sluice
