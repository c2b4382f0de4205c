// SPDX-License-Identifier: Apache-2.0
// Finds the orientation in an EXIF segment (a small TIFF file) and turns pictures by it. Every offset is checked.
#include "runtime/image/exif.h"

#include <cstring>
#include <utility>

namespace sluice {
namespace {

constexpr size_t kPrefixBytes = 6;  // "Exif", 0, 0
constexpr size_t kEntryBytes = 12;
constexpr uint32_t kOrientationTag = 0x0112;
constexpr uint32_t kShortType = 3;

// Numbers of a TIFF body; a read beyond the end gives 0 and clears `valid`.
class TiffBody {
 public:
  explicit TiffBody(std::span<const uint8_t> bytes) : bytes_(bytes) {
    valid = bytes.size() >= 8 && bytes[0] == bytes[1] && (bytes[0] == 'I' || bytes[0] == 'M');
    big_endian_ = valid && bytes[0] == 'M';
  }

  uint32_t number(size_t at, size_t size) {
    if (at > bytes_.size() || size > bytes_.size() - at) {
      valid = false;
      return 0;
    }
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i) value = value << 8 | bytes_[at + (big_endian_ ? i : size - 1 - i)];
    return value;
  }

  bool valid = false;

 private:
  std::span<const uint8_t> bytes_;
  bool big_endian_ = false;
};

}  // namespace

bool is_exif(std::span<const uint8_t> segment) {
  return segment.size() >= kPrefixBytes && std::memcmp(segment.data(), "Exif\0\0", kPrefixBytes) == 0;
}

int exif_orientation(std::span<const uint8_t> segment) {
  if (!is_exif(segment)) return 1;
  TiffBody body(segment.subspan(kPrefixBytes));
  if (!body.valid || body.number(2, 2) != 42) return 1;
  const size_t directory = body.number(4, 4);
  const size_t entries = body.number(directory, 2);
  for (size_t i = 0; i < entries && body.valid; ++i) {
    const size_t entry = directory + 2 + i * kEntryBytes;
    if (body.number(entry, 2) != kOrientationTag) continue;
    const bool one_short = body.number(entry + 2, 2) == kShortType && body.number(entry + 4, 4) == 1;
    const uint32_t value = body.number(entry + 8, 2);
    return body.valid && one_short && value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Picture turn_upright(Picture picture, int orientation) {
  if (orientation < 2 || orientation > 8) return picture;
  const bool swap = orientation >= 5;
  const bool mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Picture turned;
  turned.width = swap ? picture.height : picture.width;
  turned.height = swap ? picture.width : picture.height;
  turned.channels = picture.channels;
  turned.bits = picture.bits;
  turned.samples.resize(picture.samples.size());
  auto target = turned.samples.begin();
  for (int y = 0; y < turned.height; ++y) {
    for (int x = 0; x < turned.width; ++x) {
      const int stored_x = swap ? y : x;
      const int stored_y = swap ? x : y;
      const size_t from = picture.index(mirror_x ? picture.width - 1 - stored_x : stored_x,
                                        mirror_y ? picture.height - 1 - stored_y : stored_y, 0);
      for (int c = 0; c < picture.channels; ++c) *target++ = picture.samples[from + static_cast<size_t>(c)];
    }
  }
  return turned;
}

}  // namespace sluice
