// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/picture_data.h"

#include <algorithm>

#include "runtime/trainer/edges.h"
#include "runtime/trainer/photo_source.h"

namespace sluice {
namespace {

struct PictureOptions {
  PhotoOptions photos;
  bool from_files = true;
  bool edges = false;
  bool mask_per_sample = false;  // else one mask serves the batch
};

class PictureSource : public SampleSource {
 public:
  PictureSource(const PictureOptions &options, const DataOrigin &origin)
      : options_(options), masks_(origin.masks), seed_(origin.seed), photos_(options.photos, origin) {}

  size_t files() const override { return photos_.files(); }

  void sample(const std::string &purpose, uint64_t number, const SampleValues &values) const override {
    float *image = values.at("image");
    photos_.colours(purpose, number, image);
    if (options_.edges) draw_edges(image, photos_.width(), photos_.height(), values.at("edge"));
    if (options_.mask_per_sample) draw(purpose, number, values.at("mask"));
  }

  void shared(const std::string &purpose, uint64_t batch, const SampleValues &values) const override {
    draw(purpose, batch, values.at("mask"));
  }

 private:
  void draw(const std::string &purpose, uint64_t number, float *mask) const {
    Draws draws(seed_, purpose + " mask", number);
    const std::vector<uint8_t> drawn = draw_mask(masks_, photos_.width(), photos_.height(), draws);
    std::copy(drawn.begin(), drawn.end(), mask);
  }

  PictureOptions options_;
  MaskOptions masks_;
  uint64_t seed_;
  PhotoSource photos_;
};

class PictureKind : public DataKind {
 public:
  PictureKind(const DataSize &size, RecipeValues &values, bool from_files) {
    static const std::string masks[] = {"batch", "sample"};
    options_.from_files = from_files;
    options_.mask_per_sample = values.word("mask_per", "batch", masks) == "sample";
    options_.edges = values.boolean("edges", options_.edges);
    if (from_files) {
      options_.photos = read_photo_options(size, values);
    } else {
      options_.photos.window.width = size.width, options_.photos.window.height = size.height;
      options_.photos.flip = values.boolean("flip", false);
    }
  }

  std::vector<DataTensor> tensors() const override {
    const int64_t h = options_.photos.window.height, w = options_.photos.window.width;
    DataTensor image{.name = "image", .shape = {3, h, w}};
    image.colour = true, image.shown = Shown::both;
    DataTensor mask{.name = "mask", .shape = {1, h, w}};
    mask.one_a_batch = !options_.mask_per_sample;
    std::vector<DataTensor> tensors = {image, mask};
    if (options_.edges) {
      DataTensor edge{.name = "edge", .shape = {1, h, w}};
      edge.shown = Shown::input, edge.scale = 255;
      tensors.push_back(edge);
    }
    return tensors;
  }
  NeedOfFiles files() const override { return options_.from_files ? NeedOfFiles::always : NeedOfFiles::never; }
  bool has_masks() const override { return true; }
  std::unique_ptr<SampleSource> open(const DataOrigin &origin) const override {
    DataOrigin own = origin;
    if (!options_.from_files) own.path.clear();
    return std::make_unique<PictureSource>(options_, own);
  }

 private:
  PictureOptions options_;
};

}  // namespace

std::shared_ptr<const DataKind> read_picture_files(const DataSize &size, RecipeValues &values) {
  return std::make_shared<PictureKind>(size, values, true);
}

std::shared_ptr<const DataKind> read_computed_pictures(const DataSize &size, RecipeValues &values) {
  return std::make_shared<PictureKind>(size, values, false);
}

}  // namespace sluice
