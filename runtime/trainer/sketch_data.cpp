// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/sketch_data.h"

#include <algorithm>
#include <cmath>

#include "runtime/trainer/class_folder.h"
#include "runtime/trainer/edges.h"
#include "runtime/trainer/epoch_order.h"
#include "runtime/trainer/window.h"

namespace sluice {
namespace {

constexpr int64_t kMostClasses = 100'000, kMostNoise = 4096, kColours = 3;
constexpr float kHalf = 127.5f;  // of the range of samples

struct SketchOptions {
  WindowOptions window;
  int64_t classes = 10, noise = 0, cache_bytes = kCacheBytes;
  double line = 2;                              // pixels
  std::pair<int64_t, int64_t> kept = {30, 90};  // percent of a drawing
};

SketchOptions read_options(const DataSize &size, RecipeValues &values) {
  SketchOptions options;
  options.window = {size.width, size.height, Crop::whole, {}};
  options.classes = values.integer("classes", options.classes, 1, kMostClasses);
  options.noise = values.integer("noise", options.noise, 0, kMostNoise);
  options.line = values.real("line", std::max(1.0, size.width / 64.0), 0.5, size.width);
  options.cache_bytes = read_cache_bytes(values);
  return options;
}

// What both kinds have: classes of a folder, labels, noise.
class SketchSource : public SampleSource {
 public:
  SketchSource(const SketchOptions &options, const DataOrigin &origin)
      : options_(options), seed_(origin.seed), order_(origin.seed, 1) {
    if (origin.path.empty()) return;
    folder_ = std::make_unique<ClassFolder>(origin.path, options_.classes, options_.cache_bytes, origin.report);
    order_.resize(folder_->size());
  }

  size_t files() const override { return folder_ ? folder_->size() : 0; }

  void sample(const std::string &purpose, uint64_t number, const SampleValues &values) const override {
    Draws draws(seed_, purpose + " sketch", number);
    std::unique_ptr<const ClassFolder::Item> item;
    if (folder_ != nullptr) item = order_.find(purpose, number, [this](size_t index) { return folder_->get(index); });
    const int64_t label = item ? item->label : draws.integer(0, options_.classes - 1);
    *values.at("label") = static_cast<float>(label);
    draw(item.get(), label, draws, values);
    Draws noise(seed_, purpose + " z", number);
    for (int64_t i = 0; i < options_.noise; i++) values.at("z")[i] = static_cast<float>(noise.normal());
  }

 protected:
  virtual void draw(const ClassFolder::Item *item, int64_t label, Draws &draws, const SampleValues &values) const = 0;
  int width() const { return options_.window.width; }
  int height() const { return options_.window.height; }
  int64_t pixels() const { return int64_t{width()} * height(); }

  const SketchOptions options_;

 private:
  uint64_t seed_;
  std::unique_ptr<ClassFolder> folder_;
  EpochOrder order_;
};

class PartialSketches : public SketchSource {
 public:
  using SketchSource::SketchSource;

 private:
  void draw(const ClassFolder::Item *item, int64_t label, Draws &draws, const SampleValues &values) const override {
    float *sketch = values.at("sketch"), *whole = values.at("drawing");
    const double share = static_cast<double>(draws.integer(options_.kept.first, options_.kept.second)) / 100;
    if (item != nullptr && item->picture != nullptr) return hide(*item->picture, share, draws, sketch, whole);
    const Drawing computed = item == nullptr ? procedural_drawing(label, draws) : Drawing();
    const Drawing &drawing = item == nullptr ? computed : *item->drawing;
    draw_strokes(drawing, width(), height(), options_.line, whole);
    draw_strokes(first_strokes(drawing, share), width(), height(), options_.line, sketch);
  }

  // A rectangle of the picture becomes paper, with sides of the square root of what is not kept.
  void hide(const Photo &picture, double share, Draws &draws, float *sketch, float *whole) const {
    cut_grey_window(picture, draw_window(options_.window, picture.width, picture.height, draws), options_.window, false,
                    whole);
    for (int64_t i = 0; i < pixels(); i++) whole[i] = whole[i] / kHalf - 1;
    std::copy_n(whole, pixels(), sketch);
    const double side = std::sqrt(1 - share);
    const auto across = static_cast<int>(side * width()), down = static_cast<int>(side * height());
    const auto left = static_cast<int>(draws.integer(0, width() - across)),
               top = static_cast<int>(draws.integer(0, height() - down));
    for (int y = top; y < top + down; y++)
      std::fill_n(sketch + static_cast<ptrdiff_t>(y) * width() + left, across, 1.0f);
  }
};

class SketchedPictures : public SketchSource {
 public:
  using SketchSource::SketchSource;

 private:
  void draw(const ClassFolder::Item *item, int64_t label, Draws &draws, const SampleValues &values) const override {
    float *image = values.at("image"), *sketch = values.at("sketch");
    if (item == nullptr) {
      paint(label, draws, image, sketch);
    } else if (item->picture == nullptr) {
      throw Error(ErrorCode::input_failed, "strokes have no colours: this kind of data wants folders of pictures");
    } else {
      const Window window = draw_window(options_.window, item->picture->width, item->picture->height, draws);
      for (int c = 0; c < kColours; c++)
        cut_window(*item->picture, window, options_.window, c, false, image + c * pixels());
      draw_edges(image, width(), height(), sketch);
      for (int64_t i = 0; i < pixels(); i++) sketch[i] = 1 - 2 * sketch[i];
      for (int64_t i = 0; i < kColours * pixels(); i++) image[i] = image[i] / kHalf - 1;
    }
    for (int c = 1; c < kColours; c++) std::copy_n(sketch, pixels(), sketch + c * pixels());
  }

  // The figure of a class in the colour of that class, on light ground.
  void paint(int64_t label, Draws &draws, float *image, float *sketch) const {
    const Drawing drawing = procedural_drawing(label, draws);
    draw_strokes(drawing, width(), height(), options_.line, sketch);
    const double ground = draws.uniform(0.6, 0.95), shade = draws.uniform(0.7, 1.0);
    const std::vector<char> inside = covered(sketch);
    for (int c = 0; c < kColours; c++) {
      // Of three colours at equal distances around the circle, by class.
      const double own = 0.9 * std::cos(2.4 * static_cast<double>(label) + 2.1 * c) * shade;
      for (int64_t i = 0; i < pixels(); i++)
        image[c * pixels() + i] = static_cast<float>(inside[static_cast<size_t>(i)] != 0 ? own : ground);
    }
  }

  // What the border's paper does not reach.
  std::vector<char> covered(const float *sketch) const {
    std::vector<char> inside(static_cast<size_t>(pixels()), 1);
    std::vector<int64_t> open;
    const auto visit = [&](int64_t x, int64_t y) {
      if (x < 0 || y < 0 || x >= width() || y >= height()) return;
      const int64_t i = y * width() + x;
      if (inside[static_cast<size_t>(i)] == 0 || sketch[i] < 0) return;
      inside[static_cast<size_t>(i)] = 0;
      open.push_back(i);
    };
    for (int64_t x = 0; x < width(); x++) visit(x, 0), visit(x, height() - 1);
    for (int64_t y = 0; y < height(); y++) visit(0, y), visit(width() - 1, y);
    while (!open.empty()) {
      const int64_t x = open.back() % width(), y = open.back() / width();
      open.pop_back();
      visit(x - 1, y), visit(x + 1, y), visit(x, y - 1), visit(x, y + 1);
    }
    return inside;
  }
};

template <class Source>
class SketchKind : public DataKind {
 public:
  SketchKind(const SketchOptions &options, std::vector<DataTensor> tensors)
      : options_(options), tensors_(std::move(tensors)) {
    tensors_.push_back({.name = "label", .shape = {}});
    if (options_.noise > 0) tensors_.push_back({.name = "z", .shape = {options_.noise}});
  }
  std::vector<DataTensor> tensors() const override { return tensors_; }
  NeedOfFiles files() const override { return NeedOfFiles::optional; }
  std::unique_ptr<SampleSource> open(const DataOrigin &origin) const override {
    return std::make_unique<Source>(options_, origin);
  }

 private:
  SketchOptions options_;
  std::vector<DataTensor> tensors_;
};

DataTensor shown(const std::string &name, int64_t channels, const DataSize &size, Shown where) {
  DataTensor tensor{.name = name, .shape = {channels, size.height, size.width}};
  tensor.shown = where, tensor.scale = tensor.offset = kHalf;
  tensor.colour = channels == kColours;
  return tensor;
}

}  // namespace

std::shared_ptr<const DataKind> read_sketch_data(const DataSize &size, RecipeValues &values) {
  SketchOptions options = read_options(size, values);
  options.kept = values.range("kept", options.kept, 1, 100);
  return std::make_shared<SketchKind<PartialSketches>>(
      options, std::vector{shown("sketch", 1, size, Shown::input), shown("drawing", 1, size, Shown::truth)});
}

std::shared_ptr<const DataKind> read_sketched_pictures(const DataSize &size, RecipeValues &values) {
  SketchOptions options = read_options(size, values);
  read_window_keys(values, options.window);
  return std::make_shared<SketchKind<SketchedPictures>>(
      options,
      std::vector{shown("sketch", kColours, size, Shown::input), shown("image", kColours, size, Shown::truth)});
}

}  // namespace sluice
