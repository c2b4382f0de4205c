// SPDX-License-Identifier: Apache-2.0
// Sketch completion: noise, batches, and the pictures that are made of completions.
#include "runtime/tasks/sketch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/noise.h"
#include "runtime/tasks/picture_tensor.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr float kWhite = 255;
constexpr int kBatch = 8;  // bounds memory; which samples share a batch changes no bit
constexpr uint64_t kColourStream = uint64_t{1} << 63;

// z of one sample behind what is there.
void append_noise(uint64_t seed, uint64_t stream, double deviation, int64_t size, std::vector<float> &noise) {
  for (int64_t i = 0; i < size; i++) {
    noise.push_back(static_cast<float>(deviation * normal_number(seed, stream, static_cast<uint64_t>(i))));
  }
}

// As pictures of 8 bits are resized: what overshoots is cut off.
Plane resize_clamped(const Plane &plane, int width, int height, Filter filter) {
  Plane result = resize(plane, width, height, filter);
  for (float &value : result.values) value = std::clamp(value, 0.0f, kWhite);
  return result;
}

void check_completions(const std::vector<Plane> &completions) {
  const auto fits = [&](const Plane &plane) {
    return plane.width == completions[0].width && plane.height == completions[0].height &&
           plane.values.size() == completions[0].values.size();
  };
  if (completions.empty() || !std::all_of(completions.begin(), completions.end(), fits)) {
    throw Error(ErrorCode::usage, "expected one completion or more, all of one size");
  }
}

}  // namespace

Plane network_sketch(const SketchNetwork &shape, const Picture &sketch) {
  return resize_clamped(first_colour_plane(sketch), shape.width(), shape.height(), Filter::bicubic);
}

std::vector<Plane> complete_sketch(const SketchNetwork &shape, int64_t label, const Picture &sketch,
                                   const CompletionOptions &options) {
  if (options.completions < 1 || !(options.deviation >= 0) || !std::isfinite(options.deviation)) {
    throw Error(ErrorCode::usage,
                fmt::format("{} completions with a standard deviation of {}; expected 1 or more, and 0 or more",
                            options.completions, options.deviation));
  }
  const Plane grey = network_sketch(shape, sketch);
  std::vector<Plane> completions;
  for (int first = 0; first < options.completions; first += kBatch) {
    const int last = std::min(first + kBatch, options.completions);
    std::vector<float> noise;
    for (int k = first; k < last; k++) {
      append_noise(options.seed, static_cast<uint64_t>(k), options.deviation, shape.noise_size(), noise);
    }
    const StoredTensor images = shape.run(grey, label, last - first, noise, options.run);
    for (int k = first; k < last; k++) completions.push_back(tensor_to_plane(images, shape.output(), k - first, 0));
  }
  return completions;
}

Picture colour_sketch(const SketchNetwork &appearance, int64_t label, const Plane &completion, uint64_t seed,
                      const RunOptions &options) {
  std::vector<float> noise;
  append_noise(seed, kColourStream, 1, appearance.noise_size(), noise);
  const Plane sketch = resize_clamped(completion, appearance.width(), appearance.height(), Filter::lanczos);
  return tensor_to_picture(appearance.run(sketch, label, 1, noise, options), appearance.output());
}

Picture gallery_picture(const std::vector<Plane> &completions) {
  constexpr int kColumns = 2, kLine = 2;  // pixels
  check_completions(completions);
  const int count = static_cast<int>(completions.size());
  const int columns = std::min(count, kColumns), rows = (count + kColumns - 1) / kColumns;
  const int step_x = completions[0].width + kLine, step_y = completions[0].height + kLine;
  Picture gallery{
      .width = columns * step_x + kLine, .height = rows * step_y + kLine, .channels = 1, .bits = 8, .samples = {}};
  gallery.samples.resize(gallery.index(0, gallery.height, 0));
  for (int k = 0; k < count; k++) {
    const Plane &completion = completions[static_cast<size_t>(k)];
    const int left = kLine + k % kColumns * step_x, top = kLine + k / kColumns * step_y;
    for (int y = 0; y < completion.height; y++) {
      for (int x = 0; x < completion.width; x++) {
        gallery.samples[gallery.index(left + x, top + y, 0)] = sample_of(completion.at(x, y), gallery.bits);
      }
    }
  }
  return gallery;
}

Plane shadow_of(const std::vector<Plane> &completions) {
  constexpr float kMiddle = kWhite / 2;
  check_completions(completions);
  Plane shadow = completions[0];
  for (size_t k = 1; k < completions.size(); k++) {
    std::transform(shadow.values.begin(), shadow.values.end(), completions[k].values.begin(), shadow.values.begin(),
                   [](float sum, float value) { return sum + value; });
  }
  const auto [least, most] = std::minmax_element(shadow.values.begin(), shadow.values.end());
  const float from = *least, range = *most - *least;
  for (float &value : shadow.values) value = range > 0 ? kMiddle + kMiddle * ((value - from) / range) : kMiddle;
  return shadow;
}

Picture pad_picture(const Picture &sketch, const Plane &shadow) {
  constexpr float kSketchPart = 0.25f, kShadowPart = 0.75f;
  Plane pad = first_colour_plane(sketch);
  const Plane fitting = resize_clamped(shadow, pad.width, pad.height, Filter::bicubic);
  std::transform(pad.values.begin(), pad.values.end(), fitting.values.begin(), pad.values.begin(),
                 [](float drawn, float behind) { return kSketchPart * drawn + kShadowPart * behind; });
  return grey_picture(pad);
}

}  // namespace sluice
