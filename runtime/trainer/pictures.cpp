// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <sstream>

#include "runtime/image/picture.h"
#include "weights_io/atomic_file.h"
#include "weights_io/error.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxList = 256u << 20;  // bytes

}  // namespace

std::vector<fs::path> pictures_of_folder(const fs::path &folder) {
  std::vector<fs::path> files;
  std::error_code problem;
  fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied, problem);
  for (; !problem && entry != fs::recursive_directory_iterator(); entry.increment(problem)) {
    std::error_code ignored;
    if (can_write(entry->path()) && entry->is_regular_file(ignored)) files.push_back(entry->path());
  }
  if (problem)
    throw Error(ErrorCode::input_failed,
                fmt::format("{}: cannot read the folder: {}", folder.string(), problem.message()));
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::string> lines_of_file(const fs::path &file) {
  const std::vector<std::byte> bytes = read_file(file, kMaxList);
  std::istringstream stream(std::string(reinterpret_cast<const char *>(bytes.data()), bytes.size()));
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

std::vector<fs::path> paths_of_list(const fs::path &list) {
  std::vector<fs::path> files;
  for (const std::string &line : lines_of_file(list)) files.push_back(list.parent_path() / line);  // absolute ones stay
  return files;
}

Photo read_photo(const fs::path &file) {
  const Picture picture = read_picture(file);
  Photo photo{picture.width, picture.height, {}};
  photo.samples.resize(static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height) * 3);
  const int colours = picture.colour_channels();
  size_t at = 0;
  for (int y = 0; y < picture.height; y++) {
    for (int x = 0; x < picture.width; x++) {
      for (int c = 0; c < 3; c++) {
        const int sample = picture.samples[picture.index(x, y, colours == 1 ? 0 : c)];
        photo.samples[at++] = static_cast<uint8_t>(picture.bits == 16 ? sample / 257 : sample);
      }
    }
  }
  return photo;
}

ItemStore<Photo>::Loaded load_photo(const fs::path &file) {
  Photo photo = read_photo(file);
  const auto bytes = static_cast<int64_t>(photo.samples.size());
  return {std::move(photo), bytes};
}

PictureFiles::PictureFiles(const fs::path &source, int64_t cache_bytes,
                           std::function<void(const std::string &)> report) {
  std::error_code problem;
  const fs::file_status status = fs::status(source, problem);
  const std::string name = source.string();
  if (!fs::exists(status)) throw Error(ErrorCode::not_found, fmt::format("{}: no such folder or list", name));
  files_ = fs::is_directory(status) ? pictures_of_folder(source) : paths_of_list(source);
  if (files_.empty()) {
    throw Error(ErrorCode::input_failed,
                fmt::format("{}: {}", name,
                            fs::is_directory(status) ? "no .png, .jpg or .jpeg in it" : "the list names no picture"));
  }
  const auto load = [this](size_t index) { return load_photo(files_[index]); };
  store_ = std::make_unique<ItemStore<Photo>>(name, "pictures", files_.size(), cache_bytes, load, std::move(report));
}

// ---- computed pictures

namespace {

using Colour = std::array<double, 3>;

Colour draw_colour(Draws &draws) { return {draws.uniform(0, 255), draws.uniform(0, 255), draws.uniform(0, 255)}; }

double mix(double a, double b, double t) { return a + (b - a) * t; }

struct Shape {
  bool round;
  double x, y, across, down, cosine, sine;  // centre, half sides, of a picture of side 1
  Colour colour;
};

Shape draw_shape(Draws &draws) {
  const bool round = draws.uniform() < 0.5;
  const double angle = draws.uniform(0, std::numbers::pi);
  Shape shape{round,
              draws.uniform(),
              draws.uniform(),
              draws.uniform(0.05, 0.35),
              draws.uniform(0.05, 0.35),
              std::cos(angle),
              std::sin(angle),
              {}};
  shape.colour = draw_colour(draws);
  return shape;
}

bool holds(const Shape &shape, double x, double y) {
  const double dx = x - shape.x, dy = y - shape.y;
  const double u = (dx * shape.cosine + dy * shape.sine) / shape.across;
  const double v = (dy * shape.cosine - dx * shape.sine) / shape.down;
  return shape.round ? u * u + v * v <= 1 : std::abs(u) <= 1 && std::abs(v) <= 1;
}

}  // namespace

Photo procedural_picture(int width, int height, Draws &draws) {
  std::array<Colour, 4> corners;
  for (Colour &corner : corners) corner = draw_colour(draws);
  const double direction = draws.uniform(0, std::numbers::pi), waves = draws.uniform(2, 8),
               depth = draws.uniform(0, 60);
  std::vector<Shape> shapes;
  const int64_t count = draws.integer(2, 5);
  for (int64_t i = 0; i < count; i++) shapes.push_back(draw_shape(draws));
  Photo photo{width, height, {}};
  photo.samples.reserve(static_cast<size_t>(width) * static_cast<size_t>(height) * 3);
  const double cosine = std::cos(direction), sine = std::sin(direction);
  for (int row = 0; row < height; row++) {
    for (int column = 0; column < width; column++) {
      const double x = (column + 0.5) / width, y = (row + 0.5) / height;
      const double stripe = depth * std::sin(2 * std::numbers::pi * waves * (x * cosine + y * sine));
      const Shape *top = nullptr;
      for (const Shape &shape : shapes) top = holds(shape, x, y) ? &shape : top;
      for (size_t c = 0; c < 3; c++) {
        const double ground = mix(mix(corners[0][c], corners[1][c], x), mix(corners[2][c], corners[3][c], x), y);
        const double value = top != nullptr ? top->colour[c] : ground + stripe;
        photo.samples.push_back(static_cast<uint8_t>(std::clamp(value, 0.0, 255.0)));
      }
    }
  }
  return photo;
}

}  // namespace sluice
