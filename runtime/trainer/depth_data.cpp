// SPDX-License-Identifier: Apache-2.0
// Pictures are normalised, cut and varied as the published training does it (kakaxi314/GuideNet: datasets.py, augs.py).
#include "runtime/trainer/depth_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/image/picture.h"
#include "runtime/tasks/depth_pictures.h"
#include "runtime/trainer/epoch_order.h"
#include "runtime/trainer/item_store.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr float kLeastDepth = 1e-3f;  // metres: less is no depth
constexpr float kShownMetres = 80;    // white in sample pictures
// Principal directions of the colours of ImageNet's pictures and the deviations along them, of 0..1 (Krizhevsky,
// Sutskever, Hinton, 2012, section 4.1; values as in facebook/fb.resnet.torch).
constexpr std::array<std::array<double, 3>, 3> kDirections = {
    {{-0.5675, 0.7192, 0.4009}, {-0.5808, -0.0045, -0.8140}, {-0.5836, -0.6948, 0.4203}}};
constexpr std::array<double, 3> kDeviations = {0.2175, 0.0188, 0.0045};

struct DepthOptions {
  int width = 0, height = 0;
  bool random_crop = false;  // else the middle columns of the last rows
  bool flip = false;
  double jitter = 0;  // standard deviation of the steps along the directions of colours
  int64_t cache_bytes = kCacheBytes;
};

struct Frame {
  Picture image;
  StoredTensor lidar, depth;  // [1, 1, height, width], metres
};

Frame read_frame(const DepthFiles &files, const DepthOptions &options) {
  Frame frame;
  frame.image = read_picture(files.image);
  const auto read_depth = [&](const std::filesystem::path &file) {
    StoredTensor depth;
    try {
      depth = depth_to_tensor(read_picture(file));
    } catch (const Error &error) {
      const std::string said = error.what();
      const bool named = said.find(file.string()) != std::string::npos;
      throw Error(error.code(), named ? said : fmt::format("{}: {}", file.string(), said));
    }
    if (depth.shape[2] != frame.image.height || depth.shape[3] != frame.image.width) {
      throw Error(ErrorCode::input_failed,
                  fmt::format("{}: expected {}x{} as the picture has, got {}x{}", file.string(), frame.image.width,
                              frame.image.height, depth.shape[3], depth.shape[2]));
    }
    return depth;
  };
  frame.lidar = read_depth(files.lidar);
  frame.depth = read_depth(files.depth);
  if (frame.image.width < options.width || frame.image.height < options.height) {
    throw Error(ErrorCode::input_failed,
                fmt::format("{}: {}x{} is smaller than {}x{}", files.image.string(), frame.image.width,
                            frame.image.height, options.width, options.height));
  }
  return frame;
}

class DepthSource : public SampleSource {
 public:
  DepthSource(const DepthOptions &options, const DataOrigin &origin)
      : options_(options), seed_(origin.seed), order_(origin.seed, 1) {
    if (origin.path.empty()) return;
    files_ = find_depth_files(origin.path);
    order_.resize(files_.size());
    const auto load = [this](size_t index) -> ItemStore<Frame>::Loaded {
      Frame frame = read_frame(files_[index], options_);
      const auto bytes =
          static_cast<int64_t>(frame.image.samples.size() * sizeof(uint16_t) + 2 * frame.depth.bytes.size());
      return {std::move(frame), bytes};
    };
    store_ = std::make_unique<ItemStore<Frame>>(origin.path.string(), "depth maps", files_.size(), options_.cache_bytes,
                                                load, origin.report);
  }

  size_t files() const override { return files_.size(); }

  void sample(const std::string &purpose, uint64_t number, const SampleValues &values) const override {
    Draws draws(seed_, purpose + " window", number);
    if (store_ != nullptr) {
      cut(*order_.find(purpose, number, [this](size_t index) { return store_->get(index); }), draws, values);
    } else {
      compute(purpose, number, values);
    }
    float *depth = values.at("depth"), *valid = values.at("valid");
    for (int64_t p = 0; p < pixels(); p++) valid[p] = depth[p] > kLeastDepth ? 1.0f : 0.0f;
    vary_colours(draws, values.at("image"));
    if (!options_.flip || draws.uniform() >= 0.5) return;
    for (const auto &[name, plane] : values) {
      const int64_t rows = int64_t{options_.height} * (name == "image" ? 3 : 1);
      for (int64_t y = 0; y < rows; y++) std::reverse(plane + y * options_.width, plane + (y + 1) * options_.width);
    }
  }

 private:
  int64_t pixels() const { return int64_t{options_.width} * options_.height; }

  void cut(const Frame &frame, Draws &draws, const SampleValues &values) const {
    const int across = frame.image.width - options_.width, down = frame.image.height - options_.height;
    const auto left = options_.random_crop ? draws.integer(0, across) : across / 2;
    const auto top = options_.random_crop ? draws.integer(0, down) : down;
    const StoredTensor image = normalized_picture(frame.image, "rgb");
    const auto copy = [&](const StoredTensor &from, int channel, float *to) {
      for (int64_t y = 0; y < options_.height; y++) {
        const float *row = from.f32() + (int64_t{channel} * frame.image.height + top + y) * frame.image.width + left;
        std::copy(row, row + options_.width, to + y * options_.width);
      }
    };
    for (int c = 0; c < 3; c++) copy(image, c, values.at("image") + c * pixels());
    copy(frame.lidar, 0, values.at("lidar"));
    copy(frame.depth, 0, values.at("depth"));
  }

  void compute(const std::string &purpose, uint64_t number, const SampleValues &values) const {
    Draws draws(seed_, purpose + " scene", number);
    const DepthScene scene = compute_depth_scene(options_.width, options_.height, draws);
    Picture picture{options_.width, options_.height, 3, 8, {}};
    const auto count = static_cast<size_t>(pixels());
    for (size_t p = 0; p < count; p++) {
      for (size_t c = 0; c < 3; c++) picture.samples.push_back(static_cast<uint16_t>(scene.rgb[c * count + p]));
    }
    const StoredTensor image = normalized_picture(picture, "rgb");
    std::copy(image.f32(), image.f32() + image.elements(), values.at("image"));
    std::copy(scene.lidar.begin(), scene.lidar.end(), values.at("lidar"));
    std::copy(scene.depth.begin(), scene.depth.end(), values.at("depth"));
  }

  // A step along each direction of colours, the same for all pixels.
  void vary_colours(Draws &draws, float *image) const {
    if (options_.jitter <= 0) return;
    std::array<double, 3> steps{};
    for (size_t d = 0; d < 3; d++) steps[d] = options_.jitter * draws.normal() * kDeviations[d];
    for (size_t c = 0; c < 3; c++) {
      double shift = 0;
      for (size_t d = 0; d < 3; d++) shift += kDirections[c][d] * steps[d];
      const auto moved = static_cast<float>(shift * 255 / normalized_deviation(static_cast<int>(c)));
      float *plane = image + static_cast<int64_t>(c) * pixels();
      for (int64_t p = 0; p < pixels(); p++) plane[p] += moved;
    }
  }

  DepthOptions options_;
  uint64_t seed_;
  std::vector<DepthFiles> files_;
  std::unique_ptr<ItemStore<Frame>> store_;
  EpochOrder order_;
};

class DepthKind : public DataKind {
 public:
  DepthKind(const DataSize &size, RecipeValues &values) {
    static const std::string crops[] = {"bottom", "random"};
    options_.width = size.width, options_.height = size.height;
    options_.random_crop = values.word("crop", "bottom", crops) == "random";
    options_.flip = values.boolean("flip", options_.flip);
    options_.jitter = values.real("jitter", options_.jitter, 0, 10);
    options_.cache_bytes = read_cache_bytes(values);
  }

  std::vector<DataTensor> tensors() const override {
    const int64_t h = options_.height, w = options_.width;
    DataTensor image{.name = "image", .shape = {3, h, w}};
    image.colour = true, image.shown = Shown::input;
    image.scale = normalized_deviation(1), image.offset = normalized_mean(1);
    DataTensor lidar{.name = "lidar", .shape = {1, h, w}}, depth{.name = "depth", .shape = {1, h, w}};
    lidar.shown = Shown::input, depth.shown = Shown::truth;
    lidar.scale = depth.scale = 255 / kShownMetres;
    return {image, lidar, depth, {.name = "valid", .shape = {1, h, w}}};
  }
  NeedOfFiles files() const override { return NeedOfFiles::optional; }
  std::unique_ptr<SampleSource> open(const DataOrigin &origin) const override {
    return std::make_unique<DepthSource>(options_, origin);
  }

 private:
  DepthOptions options_;
};

}  // namespace

std::shared_ptr<const DataKind> read_depth_data(const DataSize &size, RecipeValues &values) {
  return std::make_shared<DepthKind>(size, values);
}

}  // namespace sluice
