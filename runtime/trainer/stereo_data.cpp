// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/stereo_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "runtime/trainer/photo_source.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostDisparity = 64;

// Two waves across each other.
struct Pattern {
  double grey, depth, along, across, turn, shift;

  explicit Pattern(Draws &draws)
      : grey(draws.uniform(0.3, 0.7)),
        depth(draws.uniform(0.1, 0.28)),
        along(draws.uniform(0.3, 1.2)),
        across(draws.uniform(0.1, 0.6)),
        turn(draws.uniform(0, std::numbers::pi)),
        shift(draws.uniform(0, 2 * std::numbers::pi)) {}
  double at(double x, double y) const {
    const double u = x * std::cos(turn) + y * std::sin(turn), v = y * std::cos(turn) - x * std::sin(turn);
    return std::clamp(grey + depth * (0.6 * std::sin(along * u + shift) + 0.4 * std::sin(across * v)), 0.0, 1.0);
  }
};

struct Body {
  double x, y, across, down, disparity;  // pixels, of the left picture
  bool round;
  Pattern pattern;

  bool holds(double px, double py) const {
    const double u = (px - x) / across, v = (py - y) / down;
    return round ? u * u + v * v <= 1 : std::abs(u) <= 1 && std::abs(v) <= 1;
  }
};

struct Pair {
  Photo left, right;
};

struct StereoOptions {
  PhotoOptions photos;
  std::pair<int64_t, int64_t> disparity = {0, 6};
};

class StereoSource : public SampleSource {
 public:
  StereoSource(const StereoOptions &options, const DataOrigin &origin)
      : options_(options), seed_(origin.seed), order_(origin.seed, 1) {
    if (!origin.path.empty()) read_names(origin);
  }

  size_t files() const override { return left_.size(); }

  void sample(const std::string &purpose, uint64_t number, const SampleValues &values) const override {
    const WindowOptions &window = options_.photos.window;
    float *left = values.at("left"), *right = values.at("right");
    if (store_ == nullptr) {
      Draws draws(seed_, purpose + " pair", number);
      const auto [least, most] = options_.disparity;
      return compute_stereo(window.width, window.height, static_cast<double>(least), static_cast<double>(most), draws,
                            left, right);
    }
    const auto pair = order_.find(purpose, number, [this](size_t index) { return store_->get(index); });
    Draws draws(seed_, purpose + " window", number);
    const Window own = draw_window(window, pair->left.width, pair->left.height, draws);
    const std::pair<const Photo *, float *> sides[] = {{&pair->left, left}, {&pair->right, right}};
    for (const auto &[photo, plane] : sides) {
      cut_grey_window(*photo, own, window, false, plane);
      for (int64_t p = 0; p < int64_t{window.width} * window.height; p++) plane[p] /= 255;
    }
  }

 private:
  void read_names(const DataOrigin &origin) {
    const auto folder = [&](const char *name, const char *other) {
      std::error_code ignored;
      const fs::path first = origin.path / name;
      return fs::is_directory(first, ignored) ? first : origin.path / other;
    };
    left_ = pictures_of_folder(folder("left", "image_2"));
    right_ = pictures_of_folder(folder("right", "image_3"));
    if (left_.empty() || left_.size() != right_.size()) {
      throw Error(ErrorCode::input_failed, fmt::format("{}: {} left and {} right pictures: expected as many of each",
                                                       origin.path.string(), left_.size(), right_.size()));
    }
    order_.resize(left_.size());
    const auto load = [this](size_t index) -> ItemStore<Pair>::Loaded {
      Pair pair{read_photo(left_[index]), read_photo(right_[index])};
      if (pair.left.width != pair.right.width || pair.left.height != pair.right.height)
        throw Error(ErrorCode::input_failed,
                    fmt::format("{}: not as large as {}", right_[index].string(), left_[index].string()));
      const auto bytes = static_cast<int64_t>(2 * pair.left.samples.size());
      return {std::move(pair), bytes};
    };
    store_ = std::make_unique<ItemStore<Pair>>(origin.path.string(), "pairs", left_.size(), options_.photos.cache_bytes,
                                               load, origin.report);
  }

  StereoOptions options_;
  uint64_t seed_;
  std::vector<fs::path> left_, right_;
  std::unique_ptr<ItemStore<Pair>> store_;
  EpochOrder order_;
};

class StereoKind : public DataKind {
 public:
  StereoKind(const DataSize &size, RecipeValues &values) {
    options_.photos = read_photo_options(size, values);
    if (options_.photos.flip) values.fail("a mirrored pair is none: no flip=true here");
    options_.disparity = values.range("disparity", options_.disparity, 0, kMostDisparity);
  }

  std::vector<DataTensor> tensors() const override {
    const std::vector<int64_t> shape = {1, options_.photos.window.height, options_.photos.window.width};
    DataTensor left{.name = "left", .shape = shape}, right{.name = "right", .shape = shape};
    left.shown = Shown::input, right.shown = Shown::truth;
    left.scale = right.scale = 255;
    return {left, right};
  }
  NeedOfFiles files() const override { return NeedOfFiles::optional; }
  std::unique_ptr<SampleSource> open(const DataOrigin &origin) const override {
    return std::make_unique<StereoSource>(options_, origin);
  }

 private:
  StereoOptions options_;
};

}  // namespace

void compute_stereo(int width, int height, double least, double most, Draws &draws, float *left, float *right) {
  std::vector<Body> bodies;
  const Pattern wall(draws);
  const double far = draws.uniform(least, (least + most) / 2);
  const int64_t count = draws.integer(2, 5);
  for (int64_t i = 0; i < count; i++) {
    bodies.push_back({draws.uniform(0, width), draws.uniform(0, height), draws.uniform(0.08, 0.3) * width,
                      draws.uniform(0.08, 0.3) * height, draws.uniform(far, most), draws.uniform() < 0.5,
                      Pattern(draws)});
  }
  std::sort(bodies.begin(), bodies.end(), [](const Body &a, const Body &b) { return a.disparity < b.disparity; });
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++) {
      for (const bool of_right : {false, true}) {
        double value = wall.at(x + (of_right ? far : 0), y);
        for (const Body &body : bodies) {  // nearer ones cover
          const double px = x + (of_right ? body.disparity : 0);
          if (body.holds(px, y)) value = body.pattern.at(px, y);
        }
        *(of_right ? right : left)++ = static_cast<float>(value);
      }
    }
  }
}

std::shared_ptr<const DataKind> read_stereo_data(const DataSize &size, RecipeValues &values) {
  return std::make_shared<StereoKind>(size, values);
}

}  // namespace sluice
