// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/steerable_data.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "runtime/trainer/photo_source.h"

namespace sluice {
namespace {

constexpr int kReach = 4;  // taps to each side
using Taps = std::array<double, 2 * kReach + 1>;

// Sums of rows (along x) or columns of a plane.
std::vector<double> sums(const std::vector<double> &plane, int width, int height, const Taps &taps, bool along_x) {
  std::vector<double> result(plane.size());
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++) {
      double sum = 0;
      const int place = along_x ? x : y, last = (along_x ? width : height) - 1;
      for (int t = std::max(-kReach, -place); t <= std::min(kReach, last - place); t++) {
        const int u = along_x ? x + t : x, v = along_x ? y : y + t;
        sum += taps[static_cast<size_t>(int64_t{t} + kReach)] *
               plane[static_cast<size_t>(v) * static_cast<size_t>(width) + static_cast<size_t>(u)];
      }
      result[static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)] = sum;
    }
  }
  return result;
}

class SteerableSource : public SampleSource {
 public:
  SteerableSource(const PhotoOptions &options, const DataOrigin &origin)
      : photos_(options, origin), seed_(origin.seed) {}

  size_t files() const override { return photos_.files(); }

  void sample(const std::string &purpose, uint64_t number, const SampleValues &values) const override {
    float *image = values.at("image"), *theta = values.at("theta");
    const int64_t pixels = int64_t{photos_.width()} * photos_.height();
    photos_.grey(purpose, number, image);
    for (int64_t p = 0; p < pixels; p++) image[p] /= 255;
    Draws draws(seed_, purpose + " angle", number);
    const double angle = draws.uniform(0, 2 * std::numbers::pi);
    std::fill(theta, theta + pixels, static_cast<float>(angle));
    filter_steerable(image, photos_.width(), photos_.height(), angle, values.at("filtered"));
  }

 private:
  PhotoSource photos_;
  uint64_t seed_;
};

class SteerableKind : public DataKind {
 public:
  SteerableKind(const DataSize &size, RecipeValues &values) : options_(read_photo_options(size, values)) {}

  std::vector<DataTensor> tensors() const override {
    const std::vector<int64_t> shape = {1, options_.window.height, options_.window.width};
    DataTensor image{.name = "image", .shape = shape}, theta{.name = "theta", .shape = shape},
        filtered{.name = "filtered", .shape = shape};
    image.shown = theta.shown = Shown::input, filtered.shown = Shown::truth;
    constexpr float kMostResponse = 2.5f;  // of a step from black to white
    image.scale = 255, theta.scale = static_cast<float>(255 / (2 * std::numbers::pi));
    filtered.scale = 127.5f / kMostResponse, filtered.offset = 127.5f;
    return {image, theta, filtered};
  }
  NeedOfFiles files() const override { return NeedOfFiles::optional; }
  std::unique_ptr<SampleSource> open(const DataOrigin &origin) const override {
    return std::make_unique<SteerableSource>(options_, origin);
  }

 private:
  PhotoOptions options_;
};

}  // namespace

void filter_steerable(const float *image, int width, int height, double theta, float *filtered) {
  Taps smooth{}, slope{};
  for (int t = -kReach; t <= kReach; t++) {
    const auto at = static_cast<size_t>(int64_t{t} + kReach);
    smooth[at] = std::exp(-t * t / 2.0);
    slope[at] = -t * smooth[at];
  }
  const size_t pixels = static_cast<size_t>(width) * static_cast<size_t>(height);
  const std::vector<double> plane(image, image + pixels);
  const auto across = sums(sums(plane, width, height, slope, true), width, height, smooth, false);
  const auto down = sums(sums(plane, width, height, smooth, true), width, height, slope, false);
  for (size_t p = 0; p < pixels; p++)
    filtered[p] = static_cast<float>(std::cos(theta) * across[p] + std::sin(theta) * down[p]);
}

std::shared_ptr<const DataKind> read_steerable_data(const DataSize &size, RecipeValues &values) {
  return std::make_shared<SteerableKind>(size, values);
}

}  // namespace sluice
