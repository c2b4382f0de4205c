// SPDX-License-Identifier: Apache-2.0
#include "runtime/c_api/pixels.h"

#include <cstring>

#include "runtime/c_api/status.h"

namespace sluice::c_api {
namespace {

constexpr int kColours = 3;

// Place of channel c of a pixel of a Picture, which is red, green, blue, alpha.
std::byte *place(const sluice_pixels &pixels, int x, int y, int c) {
  if (pixels.order == SLUICE_BGR && pixels.channels >= kColours && c < kColours) c = kColours - 1 - c;
  return static_cast<std::byte *>(pixels.data) + x * pixels.pixel_stride + y * pixels.row_stride +
         c * pixels.channel_stride;
}

uint16_t sample_at(const std::byte *from, int bits) {
  if (bits == 8) return std::to_integer<uint16_t>(*from);
  uint16_t sample = 0;
  std::memcpy(&sample, from, sizeof sample);
  return sample;
}

void put_sample(uint16_t sample, int bits, std::byte *to) {
  if (bits == 8) {
    *to = static_cast<std::byte>(sample);
  } else {
    std::memcpy(to, &sample, sizeof sample);
  }
}

}  // namespace

sluice_pixels known_pixels(const sluice_pixels *given, const char *what) {
  require(given, what);
  sluice_pixels pixels = known_struct(given, what);
  require(pixels.data, fmt::format("{}: its memory", what).c_str());
  const auto refuse = [&](const std::string &reason) {
    throw Error(ErrorCode::usage, fmt::format("{}: {}", what, reason));
  };
  const PictureLimits limits;
  if (pixels.width < 1 || pixels.height < 1 || pixels.width > limits.max_side || pixels.height > limits.max_side ||
      int64_t{pixels.width} * pixels.height > limits.max_pixels) {
    refuse(fmt::format("{} x {} pixels, expected sides of 1 to {} and at most {} pixels", pixels.width, pixels.height,
                       limits.max_side, limits.max_pixels));
  }
  if (pixels.channels < 1 || pixels.channels > 4) refuse(fmt::format("{} channels, expected 1 to 4", pixels.channels));
  if (pixels.bits != 8 && pixels.bits != 16) refuse(fmt::format("{} bits, expected 8 or 16", pixels.bits));
  if (pixels.order != SLUICE_RGB && pixels.order != SLUICE_BGR) refuse("its order is none of sluice_channel_order");
  if (pixels.channel_stride == 0) pixels.channel_stride = pixels.bits / 8;
  if (pixels.pixel_stride == 0) pixels.pixel_stride = ptrdiff_t{pixels.channels} * (pixels.bits / 8);
  if (pixels.row_stride == 0) pixels.row_stride = pixels.width * pixels.pixel_stride;
  return pixels;
}

Picture read_pixels(const sluice_pixels &pixels) {
  Picture picture{
      .width = pixels.width, .height = pixels.height, .channels = pixels.channels, .bits = pixels.bits, .samples = {}};
  picture.samples.reserve(picture.index(0, picture.height, 0));
  for (int y = 0; y < pixels.height; y++) {
    for (int x = 0; x < pixels.width; x++) {
      for (int c = 0; c < pixels.channels; c++)
        picture.samples.push_back(sample_at(place(pixels, x, y, c), pixels.bits));
    }
  }
  return picture;
}

std::vector<uint8_t> read_mask_pixels(const sluice_pixels &mask) {
  const int half = mask.bits == 8 ? 128 : 32768;
  std::vector<uint8_t> hole;
  hole.reserve(static_cast<size_t>(mask.width) * static_cast<size_t>(mask.height));
  for (int y = 0; y < mask.height; y++) {
    for (int x = 0; x < mask.width; x++) hole.push_back(sample_at(place(mask, x, y, 0), mask.bits) >= half ? 1 : 0);
  }
  return hole;
}

void check_fits(const sluice_pixels &pixels, int width, int height, int channels, int bits, const char *what) {
  if (pixels.width == width && pixels.height == height && pixels.channels == channels && pixels.bits == bits) return;
  throw Error(ErrorCode::usage,
              fmt::format("{}: {} x {}, {} channels of {} bits, expected {} x {}, {} channels of {} bits", what,
                          pixels.width, pixels.height, pixels.channels, pixels.bits, width, height, channels, bits));
}

void write_pixels(const Picture &picture, const std::vector<uint8_t> *where, const sluice_pixels &pixels) {
  std::size_t pixel = 0;
  for (int y = 0; y < pixels.height; y++) {
    for (int x = 0; x < pixels.width; x++, pixel++) {
      if (where != nullptr && (*where)[pixel] == 0) continue;
      for (int c = 0; c < pixels.channels; c++)
        put_sample(picture.samples[picture.index(x, y, c)], pixels.bits, place(pixels, x, y, c));
    }
  }
}

}  // namespace sluice::c_api
