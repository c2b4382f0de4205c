// SPDX-License-Identifier: Apache-2.0
// Conversions of samples, one pixel at a time.
#include "runtime/tasks/picture_tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr size_t kColours = 3;
constexpr float kWhite = 255, kSixteenBits = 257;  // 65535 = 255 * 257

size_t pixels_of(const Picture &picture) {
  return static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height);
}

// Which tensor channel holds red, green and blue.
std::array<size_t, kColours> channels_of(const std::string &order) {
  if (order == "bgr") return {2, 1, 0};
  return {0, 1, 2};
}

float luma(const std::array<float, kColours> &rgb) {
  return static_cast<float>(0.299 * static_cast<double>(rgb[0]) + 0.587 * static_cast<double>(rgb[1]) +
                            0.114 * static_cast<double>(rgb[2]));
}

float checked(float value, const GraphOutput &output) {
  if (std::isfinite(value)) return value;
  throw Error(ErrorCode::input_failed,
              fmt::format("output '{}' holds values that are not finite numbers", output.name));
}

// In units of 0..255.
float picture_value(float value, const GraphOutput &output, PixelArithmetic arithmetic = PixelArithmetic::exact) {
  if (arithmetic == PixelArithmetic::exact) return checked(value * output.scale + output.offset, output);
  return checked((value + output.offset / output.scale) * output.scale, output);
}

[[noreturn]] void refuse_shape(const GraphOutput &output, const std::string &expected, const StoredTensor &tensor) {
  throw Error(ErrorCode::input_failed,
              fmt::format("output '{}': expected {}, got {}", output.name, expected, shape_text(tensor.shape)));
}

}  // namespace

StoredTensor picture_to_tensor(const Picture &picture, const std::string &order) {
  StoredTensor tensor = StoredTensor::of_f32({1, kColours, picture.height, picture.width});
  const size_t pixels = pixels_of(picture), stride = static_cast<size_t>(picture.channels);
  const auto channels = channels_of(order);
  float *values = tensor.f32();
  for (size_t colour = 0; colour < kColours; colour++) {
    const size_t from = picture.colour_channels() == 1 ? 0 : colour;
    float *plane = values + channels[colour] * pixels;
    for (size_t p = 0; p < pixels; p++) {
      const float sample = picture.samples[p * stride + from];
      plane[p] = picture.bits == 16 ? sample / kSixteenBits : sample;
    }
  }
  return tensor;
}

StoredTensor mask_to_tensor(const std::vector<uint8_t> &mask, int width, int height) {
  StoredTensor tensor = StoredTensor::of_f32({1, 1, height, width});
  if (mask.size() != static_cast<size_t>(tensor.elements())) {
    throw Error(ErrorCode::input_failed, fmt::format("the mask has {} pixels, the picture {} x {} = {}", mask.size(),
                                                     width, height, tensor.elements()));
  }
  std::transform(mask.begin(), mask.end(), tensor.f32(), [](uint8_t value) { return value != 0 ? 1.0f : 0.0f; });
  return tensor;
}

Plane first_colour_plane(const Picture &picture) {
  Plane plane{picture.width, picture.height, std::vector<float>(pixels_of(picture))};
  const size_t stride = static_cast<size_t>(picture.channels);
  const auto most = static_cast<float>(picture.max_value());
  for (size_t p = 0; p < plane.values.size(); p++) {
    const uint16_t *pixel = picture.samples.data() + p * stride;
    float sample = pixel[0];
    if (picture.has_alpha()) sample = most - (most - sample) * (pixel[stride - 1] / most);
    plane.values[p] = picture.bits == 16 ? sample / kSixteenBits : sample;
  }
  return plane;
}

Picture grey_picture(const Plane &plane) {
  Picture picture{.width = plane.width, .height = plane.height, .channels = 1, .bits = 8, .samples = {}};
  picture.samples.resize(plane.values.size());
  std::transform(plane.values.begin(), plane.values.end(), picture.samples.begin(),
                 [](float value) { return sample_of(value, 8); });
  return picture;
}

Plane tensor_to_plane(const StoredTensor &tensor, const GraphOutput &output, int64_t sample, int64_t channel) {
  const std::vector<int64_t> &shape = tensor.shape;
  if (shape.size() != 4 || sample >= shape[0] || channel >= shape[1] || shape[2] < 1 || shape[3] < 1) {
    refuse_shape(output, fmt::format("[n > {}, c > {}, h, w]", sample, channel), tensor);
  }
  Plane plane{static_cast<int>(shape[3]), static_cast<int>(shape[2]), {}};
  const int64_t pixels = shape[2] * shape[3];
  const float *values = tensor.f32() + (sample * shape[1] + channel) * pixels;
  plane.values.resize(static_cast<size_t>(pixels));
  std::transform(values, values + pixels, plane.values.begin(),
                 [&](float value) { return picture_value(value, output); });
  return plane;
}

Picture tensor_to_picture(const StoredTensor &tensor, const GraphOutput &output) {
  if (tensor.shape.size() == 4 && tensor.shape[0] == 1 && tensor.shape[1] == 1) {
    return grey_picture(tensor_to_plane(tensor, output, 0, 0));
  }
  if (tensor.shape.size() != 4 || tensor.shape[0] != 1 || tensor.shape[1] != kColours) {
    refuse_shape(output, "[1, 1, h, w] or [1, 3, h, w]", tensor);
  }
  Picture picture;
  const auto channels = channels_of(output.order);
  for (size_t colour = 0; colour < kColours; colour++) {
    const Plane plane = tensor_to_plane(tensor, output, 0, static_cast<int64_t>(channels[colour]));
    if (colour == 0) {
      picture = {.width = plane.width, .height = plane.height, .channels = kColours, .bits = 8, .samples = {}};
      picture.samples.resize(kColours * plane.values.size());
    }
    for (size_t p = 0; p < plane.values.size(); p++) {
      picture.samples[p * kColours + colour] = sample_of(plane.values[p], picture.bits);
    }
  }
  return picture;
}

uint16_t sample_of(float value, int bits) {
  const float clamped = value > 0 ? std::min(value, kWhite) : 0;
  return static_cast<uint16_t>(bits == 16 ? clamped * kSixteenBits : clamped);
}

void paste_tensor(const StoredTensor &tensor, const GraphOutput &output, const std::vector<uint8_t> &mask,
                  Picture &picture, PixelArithmetic arithmetic) {
  const std::vector<int64_t> expected{1, kColours, picture.height, picture.width};
  if (tensor.shape != expected) refuse_shape(output, shape_text(expected), tensor);
  const size_t pixels = pixels_of(picture), stride = static_cast<size_t>(picture.channels);
  const auto channels = channels_of(output.order);
  const float *values = tensor.f32();
  for (size_t p = 0; p < pixels; p++) {
    if (mask[p] == 0) continue;
    std::array<float, kColours> rgb{};
    for (size_t colour = 0; colour < kColours; colour++) {
      rgb[colour] = picture_value(values[channels[colour] * pixels + p], output, arithmetic);
    }
    uint16_t *pixel = picture.samples.data() + p * stride;
    if (picture.colour_channels() == 1) {
      pixel[0] = sample_of(luma(rgb), picture.bits);
    } else {
      for (size_t colour = 0; colour < kColours; colour++) pixel[colour] = sample_of(rgb[colour], picture.bits);
    }
  }
}

void round_known_samples(const GraphOutput &output, const std::vector<uint8_t> &mask, Picture &picture) {
  const size_t pixels = pixels_of(picture), stride = static_cast<size_t>(picture.channels);
  const float offset = output.offset / output.scale;
  for (size_t p = 0; p < pixels; p++) {
    if (mask[p] != 0) continue;
    uint16_t *pixel = picture.samples.data() + p * stride;
    for (int colour = 0; colour < picture.colour_channels(); colour++) {
      const float sample = pixel[colour];
      const float network = (picture.bits == 16 ? sample / kSixteenBits : sample) / output.scale - offset;
      pixel[colour] = sample_of(picture_value(network, output, PixelArithmetic::published), picture.bits);
    }
  }
}

}  // namespace sluice
