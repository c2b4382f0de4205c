// SPDX-License-Identifier: Apache-2.0
// Picture files: choice of the format, limits that hold for both formats, masks.
#include "runtime/image/picture.h"

#include <fmt/format.h>

#include <string>

#include "runtime/image/codecs.h"
#include "weights_io/atomic_file.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

enum class Format { none, png, jpeg };

Format format_of(const std::filesystem::path &path) {
  std::string extension = path.extension().string();
  for (char &letter : extension) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  if (extension == ".png") return Format::png;
  if (extension == ".jpg" || extension == ".jpeg") return Format::jpeg;
  return Format::none;
}

}  // namespace

void check_picture_size(uint64_t width, uint64_t height, const std::string &name, const PictureLimits &limits) {
  const auto side = static_cast<uint64_t>(limits.max_side);
  if (width > side || height > side) {
    throw Error(ErrorCode::bad_file, fmt::format("{}: the picture is {} x {}, expected at most {} a side", name, width,
                                                 height, limits.max_side));
  }
  if (width * height > static_cast<uint64_t>(limits.max_pixels)) {
    throw Error(ErrorCode::bad_file, fmt::format("{}: the picture is {} x {}, expected at most {} pixels", name, width,
                                                 height, limits.max_pixels));
  }
}

void check_picture(const Picture &picture, const std::string &name) {
  const bool shape = picture.width > 0 && picture.height > 0 && picture.channels >= 1 && picture.channels <= 4;
  const bool depth = picture.bits == 8 || picture.bits == 16;
  if (!shape || !depth || picture.samples.size() != picture.index(0, picture.height, 0)) {
    throw Error(
        ErrorCode::usage,
        fmt::format("{}: cannot write {} x {} pixels, {} channels, {} bits, {} samples: expected sides above "
                    "0, 1 to 4 channels, 8 or 16 bits and as many samples as the sizes say",
                    name, picture.width, picture.height, picture.channels, picture.bits, picture.samples.size()));
  }
}

bool append_bytes(std::vector<std::byte> *target, const void *data, size_t size) noexcept {
  try {
    const auto *first = static_cast<const std::byte *>(data);
    target->insert(target->end(), first, first + size);
    return true;
  } catch (...) {
    return false;
  }
}

Picture decode_picture(ByteView bytes, const std::string &name, const PictureLimits &limits) {
  if (is_png(bytes)) return decode_png(bytes, name, limits);
  if (is_jpeg(bytes)) return decode_jpeg(bytes, name, limits);
  throw Error(ErrorCode::bad_file, fmt::format("{}: {}; expected a PNG or JPEG picture", name,
                                               bytes.empty() ? "the file is empty" : "neither PNG nor JPEG"));
}

Picture read_picture(const std::filesystem::path &path, const PictureLimits &limits) {
  return decode_picture(read_file(path, limits.max_file_bytes), path.string(), limits);
}

void write_picture(const std::filesystem::path &path, const Picture &picture, int jpeg_quality) {
  switch (format_of(path)) {
    case Format::png:
      return write_file_atomically(path, encode_png(picture, path.string()));
    case Format::jpeg:
      return write_file_atomically(path, encode_jpeg(picture, jpeg_quality, path.string()));
    case Format::none:
      break;
  }
  throw Error(ErrorCode::usage, fmt::format("{}: unknown picture extension '{}'; expected .png, .jpg or .jpeg",
                                            path.string(), path.extension().string()));
}

std::vector<uint8_t> read_mask(const std::filesystem::path &path, int *width, int *height,
                               const PictureLimits &limits) {
  const Picture picture = read_picture(path, limits);
  const int half = (picture.max_value() + 1) / 2;
  const auto channels = static_cast<size_t>(picture.channels);
  std::vector<uint8_t> mask(picture.samples.size() / channels);
  for (size_t i = 0; i < mask.size(); ++i) mask[i] = picture.samples[i * channels] >= half ? 1 : 0;
  *width = picture.width;
  *height = picture.height;
  return mask;
}

bool can_write(const std::filesystem::path &path) { return format_of(path) != Format::none; }

}  // namespace sluice
