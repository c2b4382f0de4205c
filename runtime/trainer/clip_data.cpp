// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/clip_data.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "runtime/trainer/clip_files.h"

namespace sluice {
namespace {

constexpr int64_t kMostFrames = 256, kMostClasses = 10000;
constexpr double kTurn = 2 * std::numbers::pi;
constexpr double kHoleStep = 3;  // pixels, at most, that a moving hole goes from frame to frame

constexpr float kHalf = 127.5f;  // of the samples' range

enum class Holes { none, still, moving };

struct ClipOptions {
  PhotoOptions photos;
  int frames = 8;
  int64_t classes = 10;
  Holes holes = Holes::none;
};

class ClipSource : public SampleSource {
 public:
  ClipSource(const ClipOptions &options, const DataOrigin &origin)
      : options_(options), seed_(origin.seed), masks_(origin.masks) {
    if (!origin.path.empty()) clips_ = std::make_unique<ClipFiles>(options.photos, options.frames, true, origin);
  }

  size_t files() const override { return clips_ ? clips_->size() : 0; }

  void sample(const std::string &purpose, uint64_t number, const SampleValues &values) const override {
    const WindowOptions &window = options_.photos.window;
    int64_t label = 0;
    if (clips_) {
      label = clips_->read(purpose, number, true, values.at("clip"));
    } else {
      Draws draws(seed_, purpose + " clip", number);
      label = draws.integer(0, options_.classes - 1);
      compute_clip(window.width, window.height, options_.frames, label, options_.classes, draws, values.at("clip"));
    }
    float *clip = values.at("clip");
    for (int64_t i = 0; i < int64_t{3} * options_.frames * window.height * window.width; i++)
      clip[i] = clip[i] / kHalf - 1;
    *values.at("label") = static_cast<float>(label);
    if (options_.holes != Holes::none) draw_holes(purpose, number, values.at("mask"));
  }

 private:
  // What leaves a frame on one side comes in on the other.
  void draw_holes(const std::string &purpose, uint64_t number, float *mask) const {
    const int64_t w = options_.photos.window.width, h = options_.photos.window.height;
    Draws draws(seed_, purpose + " mask", number);
    const std::vector<uint8_t> drawn = draw_mask(masks_, static_cast<int>(w), static_cast<int>(h), draws);
    const double most = options_.holes == Holes::moving ? kHoleStep : 0;
    const double step_x = draws.uniform(-most, most), step_y = draws.uniform(-most, most);
    for (int64_t t = 0; t < options_.frames; t++) {
      const int64_t dx = std::llround(step_x * static_cast<double>(t)),
                    dy = std::llround(step_y * static_cast<double>(t));
      for (int64_t y = 0; y < h; y++) {
        const int64_t row = ((y - dy) % h + h) % h;
        for (int64_t x = 0; x < w; x++) *mask++ = drawn[static_cast<size_t>(row * w + ((x - dx) % w + w) % w)];
      }
    }
  }

  ClipOptions options_;
  uint64_t seed_;
  MaskOptions masks_;
  std::unique_ptr<ClipFiles> clips_;
};

class ClipKind : public DataKind {
 public:
  ClipKind(const DataSize &size, RecipeValues &values) {
    static const std::string holes[] = {"none", "still", "moving"};
    options_.photos = read_photo_options(size, values);
    options_.frames = static_cast<int>(values.integer("frames", options_.frames, 1, kMostFrames));
    options_.classes = values.integer("classes", options_.classes, 1, kMostClasses);
    const std::string given = values.word("holes", "none", holes);
    options_.holes = given == "none" ? Holes::none : given == "still" ? Holes::still : Holes::moving;
  }

  std::vector<DataTensor> tensors() const override {
    const int64_t t = options_.frames, h = options_.photos.window.height, w = options_.photos.window.width;
    DataTensor clip{.name = "clip", .shape = {3, t, h, w}};
    clip.colour = true, clip.shown = Shown::both;
    clip.scale = clip.offset = kHalf;
    std::vector<DataTensor> tensors = {clip, {.name = "label", .shape = {}}};
    if (has_masks()) tensors.push_back({.name = "mask", .shape = {1, t, h, w}});
    return tensors;
  }
  NeedOfFiles files() const override { return NeedOfFiles::optional; }
  bool has_masks() const override { return options_.holes != Holes::none; }
  std::unique_ptr<SampleSource> open(const DataOrigin &origin) const override {
    return std::make_unique<ClipSource>(options_, origin);
  }

 private:
  ClipOptions options_;
};

}  // namespace

void compute_clip(int width, int height, int frames, int64_t label, int64_t classes, Draws &draws, float *values) {
  std::array<std::array<double, 3>, 4> colours{};  // two ends of the ground, two stripes
  for (auto &colour : colours) {
    for (double &part : colour) part = draws.uniform(0, 255);
  }
  const double turn = draws.uniform(0, kTurn),
               direction = kTurn * static_cast<double>(label) / static_cast<double>(classes);
  const double shorter = std::min(width, height), radius = shorter * draws.uniform(0.15, 0.25);
  const double step = shorter * draws.uniform(0.03, 0.06), stripe = radius / 2;
  const double x0 = width / 2.0 + shorter * draws.uniform(-0.15, 0.15),
               y0 = height / 2.0 + shorter * draws.uniform(-0.15, 0.15);
  const int64_t plane = int64_t{width} * height;
  for (int t = 0; t < frames; t++) {
    const double along = step * (t - (frames - 1) / 2.0);
    const double cx = x0 + along * std::cos(direction), cy = y0 + along * std::sin(direction);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        const double dx = x + 0.5 - cx, dy = y + 0.5 - cy;
        const bool body = std::hypot(dx, dy) <= radius;
        const bool light = std::sin(kTurn / 2 * (dx * std::cos(turn) + dy * std::sin(turn)) / stripe) > 0;
        const double part = ((x + 0.5) / width + (y + 0.5) / height) / 2;
        for (size_t c = 0; c < 3; c++) {
          const double ground = colours[0][c] + (colours[1][c] - colours[0][c]) * part;
          const double value = body ? colours[light ? 2 : 3][c] : ground;
          values[(static_cast<int64_t>(c) * frames + t) * plane + int64_t{y} * width + x] = static_cast<float>(value);
        }
      }
    }
  }
}

std::shared_ptr<const DataKind> read_clip_data(const DataSize &size, RecipeValues &values) {
  return std::make_shared<ClipKind>(size, values);
}

}  // namespace sluice
