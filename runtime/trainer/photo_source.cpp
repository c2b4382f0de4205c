// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/photo_source.h"

namespace sluice {

PhotoOptions read_photo_options(const DataSize &size, RecipeValues &values) {
  PhotoOptions options;
  options.window.width = size.width, options.window.height = size.height;
  options.flip = values.boolean("flip", options.flip);
  read_window_keys(values, options.window);
  options.cache_bytes = read_cache_bytes(values);
  return options;
}

PhotoSource::PhotoSource(const PhotoOptions &options, const DataOrigin &origin)
    : options_(options), seed_(origin.seed), order_(origin.seed, 1) {
  if (origin.path.empty()) return;
  files_ = std::make_unique<PictureFiles>(origin.path, options_.cache_bytes, origin.report);
  order_.resize(files_->size());
}

PhotoSource::Cut PhotoSource::cut(const std::string &purpose, uint64_t sample) const {
  Cut cut;
  if (files_ == nullptr) {
    Draws draws(seed_, purpose + " picture", sample);
    cut.photo = std::make_shared<const Photo>(procedural_picture(width(), height(), draws));
  } else {
    cut.photo = order_.find(purpose, sample, [this](size_t index) { return files_->get(index); });
  }
  Draws draws(seed_, purpose + " window", sample);
  cut.window = draw_window(options_.window, cut.photo->width, cut.photo->height, draws);
  cut.flip = options_.flip && draws.uniform() < 0.5;
  return cut;
}

void PhotoSource::colours(const std::string &purpose, uint64_t sample, float *values) const {
  const Cut own = cut(purpose, sample);
  for (int c = 0; c < 3; c++)
    cut_window(*own.photo, own.window, options_.window, c, own.flip, values + int64_t{c} * width() * height());
}

void PhotoSource::grey(const std::string &purpose, uint64_t sample, float *values) const {
  const Cut own = cut(purpose, sample);
  cut_grey_window(*own.photo, own.window, options_.window, own.flip, values);
}

}  // namespace sluice
