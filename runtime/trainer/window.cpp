// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/window.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace sluice {
namespace {

constexpr int64_t kMostSide = 8192;

Plane plane_of(const Photo &photo, const Window &window, int channel) {
  Plane plane{window.width, window.height, {}};
  plane.values.reserve(static_cast<size_t>(window.width) * static_cast<size_t>(window.height));
  for (int y = 0; y < window.height; y++) {
    const size_t row = static_cast<size_t>(window.y + y) * static_cast<size_t>(photo.width);
    const uint8_t *samples = photo.samples.data() + (row + static_cast<size_t>(window.x)) * 3;
    for (int x = 0; x < window.width; x++) plane.values.push_back(samples[x * 3 + channel]);
  }
  return plane;
}

}  // namespace

void read_window_keys(RecipeValues &values, WindowOptions &options) {
  static const std::string crops[] = {"random", "centre", "whole"};
  const std::string crop = values.word("crop", "random", crops);
  options.crop = crop == "random" ? Crop::random : crop == "centre" ? Crop::centre : Crop::whole;
  if (values.has("shorter")) options.shorter = values.range("shorter", {0, 0}, 8, kMostSide);
  if (options.shorter && options.crop != Crop::random) values.fail("shorter=FIRST,LAST goes with crop=random only");
}

Window draw_window(const WindowOptions &options, int picture_width, int picture_height, Draws &draws) {
  if (options.crop == Crop::whole) return {0, 0, picture_width, picture_height};
  // The largest scale at which a window of the wanted shape fits.
  const double fitting = std::min(static_cast<double>(picture_width) / options.width,
                                  static_cast<double>(picture_height) / options.height);
  double scale = options.crop == Crop::centre ? fitting : std::min(1.0, fitting);  // their pixels for one of ours
  if (options.shorter) {
    const int shorter = std::min(picture_width, picture_height);
    const int64_t most = std::clamp<int64_t>(shorter, options.shorter->first, options.shorter->second);
    const auto wanted = static_cast<double>(draws.integer(options.shorter->first, most));
    scale = std::min(fitting, shorter / wanted);
  }
  Window window;
  window.width = std::clamp(static_cast<int>(std::lround(options.width * scale)), 1, picture_width);
  window.height = std::clamp(static_cast<int>(std::lround(options.height * scale)), 1, picture_height);
  const int across = picture_width - window.width, down = picture_height - window.height;
  const bool random = options.crop == Crop::random;
  window.x = random ? static_cast<int>(draws.integer(0, across)) : across / 2;
  window.y = random ? static_cast<int>(draws.integer(0, down)) : down / 2;
  return window;
}

void cut_window(const Photo &photo, const Window &window, const WindowOptions &options, int channel, bool flip,
                float *values) {
  Plane plane = plane_of(photo, window, channel);
  if (plane.width != options.width || plane.height != options.height)
    plane = resize(plane, options.width, options.height, Filter::bicubic);
  for (int y = 0; y < options.height; y++) {
    for (int x = 0; x < options.width; x++)
      *values++ = std::clamp(plane.at(flip ? options.width - 1 - x : x, y), 0.0f, 255.0f);
  }
}

void cut_grey_window(const Photo &photo, const Window &window, const WindowOptions &options, bool flip, float *values) {
  const size_t pixels = static_cast<size_t>(options.width) * static_cast<size_t>(options.height);
  std::vector<float> channel(pixels);
  std::fill(values, values + pixels, 0.0f);
  for (int c = 0; c < 3; c++) {
    cut_window(photo, window, options, c, flip, channel.data());
    for (size_t p = 0; p < pixels; p++) values[p] += kLuma[c] * channel[p];
  }
}

}  // namespace sluice
