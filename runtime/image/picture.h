// SPDX-License-Identifier: Apache-2.0
// Pictures in memory, and PNG and JPEG files in and out with hard limits: every file is taken for hostile.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace sluice {

// Samples are row-major and interleaved. Channels: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA.
// A picture of 8 bits holds 0..255, one of 16 bits 0..65535.
struct Picture {
  int width = 0;
  int height = 0;
  int channels = 0;
  int bits = 8;
  std::vector<uint16_t> samples;

  size_t index(int x, int y, int c) const {
    return (static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) *
               static_cast<size_t>(channels) +
           static_cast<size_t>(c);
  }
  bool has_alpha() const { return channels == 2 || channels == 4; }
  int colour_channels() const { return channels < 3 ? 1 : 3; }
  int max_value() const { return bits == 16 ? 65535 : 255; }
};

// Checked before memory for pixels is taken.
struct PictureLimits {
  int64_t max_pixels = 256'000'000;
  int max_side = 65'500;
  int max_jpeg_scans = 100;
  size_t max_file_bytes = 1 << 30;
};

// The format is found by content, not by the file's name. Palettes become RGB, tRNS becomes alpha, grey of fewer than 8
// bits is scaled to 8; JPEG is turned upright by its EXIF orientation. Gamma and ICC profiles are ignored.
// Throws Error(not_found) or Error(bad_file) with one line that names the file and what was expected.
Picture read_picture(const std::filesystem::path &path, const PictureLimits &limits = {});

// The extension chooses the format: .png (every kind of picture, bit for bit) or .jpg, .jpeg (4:4:4, 8 bits, without
// alpha). The file appears whole or not at all. Throws Error(usage) for another extension or a quality outside 1..100,
// Error(input_failed) when it cannot be written.
void write_picture(const std::filesystem::path &path, const Picture &picture, int jpeg_quality = 95);

// 1 is hole, 0 is known: the first channel at half of full scale or above (8 bits: > 127, 16 bits: >= 32768); alpha is
// ignored. Row-major, width * height values.
std::vector<uint8_t> read_mask(const std::filesystem::path &path, int *width, int *height,
                               const PictureLimits &limits = {});

// Whether write_picture knows the extension of `path`.
bool can_write(const std::filesystem::path &path);

}  // namespace sluice
