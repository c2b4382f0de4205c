// SPDX-License-Identifier: Apache-2.0
// Metres, samples of 16 bits and normalised colours.
#include "runtime/tasks/depth_pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/tasks/picture_tensor.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr float kSamplesPerMetre = 256, kMostSamples = 65535;
constexpr size_t kColours = 3;
constexpr std::array<float, kColours> kMean = {90.995f, 96.2278f, 94.3213f};        // red, green, blue
constexpr std::array<float, kColours> kDeviation = {79.2382f, 80.5267f, 82.1483f};  // red, green, blue

}  // namespace

float normalized_mean(int colour) { return kMean.at(static_cast<size_t>(colour)); }
float normalized_deviation(int colour) { return kDeviation.at(static_cast<size_t>(colour)); }

StoredTensor normalized_picture(const Picture &picture, const std::string &order) {
  StoredTensor tensor = picture_to_tensor(picture, order);
  const std::ptrdiff_t pixels = std::ptrdiff_t{picture.width} * picture.height;
  for (size_t channel = 0; channel < kColours; channel++) {
    const size_t colour = order == "bgr" ? kColours - 1 - channel : channel;
    float *plane = tensor.f32() + static_cast<std::ptrdiff_t>(channel) * pixels;
    std::transform(plane, plane + pixels, plane,
                   [&](float sample) { return (sample - kMean[colour]) / kDeviation[colour]; });
  }
  return tensor;
}

StoredTensor depth_to_tensor(const Picture &depth) {
  if (depth.channels != 1 || depth.bits != 16) {
    throw Error(ErrorCode::input_failed, fmt::format("depth: expected a grey picture of 16 bits, got {} channels of {}",
                                                     depth.channels, depth.bits));
  }
  StoredTensor tensor = StoredTensor::of_f32({1, 1, depth.height, depth.width});
  std::transform(depth.samples.begin(), depth.samples.end(), tensor.f32(),
                 [](uint16_t sample) { return static_cast<float>(sample) / kSamplesPerMetre; });
  return tensor;
}

Picture tensor_to_depth(const StoredTensor &metres, const std::string &name) {
  const std::vector<int64_t> &shape = metres.shape;
  if (shape.size() != 4 || shape[0] != 1 || shape[1] != 1) {
    throw Error(ErrorCode::input_failed,
                fmt::format("output '{}': expected [1, 1, h, w], got {}", name, shape_text(shape)));
  }
  Picture picture{.width = static_cast<int>(shape[3]),
                  .height = static_cast<int>(shape[2]),
                  .channels = 1,
                  .bits = 16,
                  .samples = {}};
  picture.samples.resize(static_cast<size_t>(metres.elements()));
  const float *values = metres.f32();
  for (size_t p = 0; p < picture.samples.size(); p++) {
    if (!std::isfinite(values[p])) {
      throw Error(ErrorCode::input_failed, fmt::format("output '{}' holds values that are not finite numbers", name));
    }
    picture.samples[p] = static_cast<uint16_t>(std::clamp(values[p] * kSamplesPerMetre, 0.0f, kMostSamples));
  }
  return picture;
}

}  // namespace sluice
