// SPDX-License-Identifier: Apache-2.0
// Windows of photographs, or of computed pictures where no files are given: what kinds of data that begin with pictures
// share.
#pragma once
#include "runtime/trainer/data_kind.h"
#include "runtime/trainer/epoch_order.h"
#include "runtime/trainer/pictures.h"
#include "runtime/trainer/window.h"

namespace sluice {

struct PhotoOptions {
  WindowOptions window;
  bool flip = false;
  int64_t cache_bytes = kCacheBytes;
};

// The keys flip=, cache_mb=, crop= and shorter=.
PhotoOptions read_photo_options(const DataSize &size, RecipeValues &values);

// May be called from several threads.
class PhotoSource {
 public:
  // Without a path pictures are computed.
  PhotoSource(const PhotoOptions &options, const DataOrigin &origin);

  size_t files() const { return files_ ? files_->size() : 0; }
  int width() const { return options_.window.width; }
  int height() const { return options_.window.height; }
  // Three planes, RGB; one plane of luma. 0..255.
  void colours(const std::string &purpose, uint64_t sample, float *values) const;
  void grey(const std::string &purpose, uint64_t sample, float *values) const;

 private:
  struct Cut {
    std::shared_ptr<const Photo> photo;
    Window window;
    bool flip = false;
  };
  Cut cut(const std::string &purpose, uint64_t sample) const;

  PhotoOptions options_;
  uint64_t seed_;
  std::unique_ptr<PictureFiles> files_;
  EpochOrder order_;
};

}  // namespace sluice
