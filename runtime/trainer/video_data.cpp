// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/video_data.h"

#include <algorithm>
#include <vector>

#include "runtime/trainer/clip_files.h"

namespace sluice {
namespace {

constexpr int64_t kMostFrames = 256, kMostDigits = 20;

struct VideoOptions {
  PhotoOptions photos;
  int frames_in = 10, frames_out = 10;
  int64_t digits = 2;
};

class VideoSource : public SampleSource {
 public:
  VideoSource(const VideoOptions &options, const DataOrigin &origin) : options_(options), seed_(origin.seed) {
    if (!origin.path.empty()) clips_ = std::make_unique<ClipFiles>(options.photos, frames(), false, origin);
  }

  size_t files() const override { return clips_ ? clips_->size() : 0; }

  void sample(const std::string &purpose, uint64_t number, const SampleValues &values) const override {
    const WindowOptions &window = options_.photos.window;
    const int64_t plane = int64_t{window.width} * window.height;
    std::vector<float> clip(static_cast<size_t>(frames() * plane));
    if (clips_) {
      clips_->read(purpose, number, false, clip.data());
      for (float &value : clip) value /= 255;
    } else {
      Draws draws(seed_, purpose + " digits", number);
      compute_digits(window.width, window.height, frames(), options_.digits, draws, clip.data());
    }
    const float *future = clip.data() + options_.frames_in * plane;
    std::copy(static_cast<const float *>(clip.data()), future, values.at("frames"));
    std::copy(future, future + options_.frames_out * plane, values.at("future"));
  }

 private:
  int frames() const { return options_.frames_in + options_.frames_out; }

  VideoOptions options_;
  uint64_t seed_;
  std::unique_ptr<ClipFiles> clips_;
};

class VideoKind : public DataKind {
 public:
  VideoKind(const DataSize &size, RecipeValues &values) {
    options_.photos = read_photo_options(size, values);
    options_.frames_in = static_cast<int>(values.integer("frames_in", options_.frames_in, 1, kMostFrames));
    options_.frames_out = static_cast<int>(values.integer("frames_out", options_.frames_out, 1, kMostFrames));
    options_.digits = values.integer("digits", options_.digits, 1, kMostDigits);
  }

  std::vector<DataTensor> tensors() const override {
    const int64_t h = options_.photos.window.height, w = options_.photos.window.width;
    DataTensor frames{.name = "frames", .shape = {options_.frames_in, h, w}};
    DataTensor future{.name = "future", .shape = {options_.frames_out, h, w}};
    frames.shown = Shown::input, future.shown = Shown::truth;
    frames.scale = future.scale = 255;
    return {frames, future};
  }
  NeedOfFiles files() const override { return NeedOfFiles::optional; }
  std::unique_ptr<SampleSource> open(const DataOrigin &origin) const override {
    return std::make_unique<VideoSource>(options_, origin);
  }

 private:
  VideoOptions options_;
};

}  // namespace

std::shared_ptr<const DataKind> read_video_data(const DataSize &size, RecipeValues &values) {
  return std::make_shared<VideoKind>(size, values);
}

}  // namespace sluice
