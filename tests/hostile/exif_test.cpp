// SPDX-License-Identifier: Apache-2.0
// Malformed EXIF segments. A picture is no worse for them, so they are not refused: it is shown as it is stored.
#include "runtime/image/exif.h"

#include "tests/hostile/malformed.h"
#include "tests/runtime/image/image_files.h"

namespace sluice::hostile {
namespace {

using image_test::with_app1;

// "Exif", the TIFF header with this offset of the directory, then what follows.
std::string tiff(uint32_t directory, const std::string &rest, const std::string &order = "II", int magic = 42) {
  std::string body = std::string("Exif\0\0", 6) + order + static_cast<char>(magic) + '\0';
  for (int shift = 0; shift < 32; shift += 8) body += static_cast<char>(directory >> shift);
  return body + rest;
}

std::string entry(int tag, int type, uint32_t count, uint32_t value) {
  std::string text{static_cast<char>(tag), static_cast<char>(tag >> 8), static_cast<char>(type),
                   static_cast<char>(type >> 8)};
  for (const uint32_t number : {count, value}) {
    for (int shift = 0; shift < 32; shift += 8) text += static_cast<char>(number >> shift);
  }
  return text;
}

std::string entries(int count, const std::string &text) {
  return std::string{static_cast<char>(count), static_cast<char>(count >> 8)} + text;
}

std::vector<std::pair<std::string, std::string>> segments() {
  const int orientation = 0x112, width = 0x100;
  const std::string good = entry(orientation, 3, 1, 6), other = entry(width, 4, 1, 640);
  std::vector<std::pair<std::string, std::string>> all = {
      {"prefix only", std::string("Exif\0\0", 6)},
      {"header only", tiff(8, "")},
      {"prefix with one NUL", "Exif" + std::string(1, '\0') + tiff(8, entries(1, good)).substr(6)},
      {"order MI", tiff(8, entries(1, good), "MI")},
      {"order in lower case", tiff(8, entries(1, good), "ii")},
      {"order of the other kind", tiff(8, entries(1, good), "MM")},
      {"magic 43 of BigTIFF", tiff(8, entries(1, good), "II", 43)},
      {"magic 0", tiff(8, entries(1, good), "II", 0)},
      {"directory at 2^32 - 1", tiff(~0u, entries(1, good))},
      {"directory at 2^31", tiff(0x80000000u, entries(1, good))},
      {"directory just behind the end", tiff(22, entries(1, good).substr(0, 14))},
      {"directory in the header", tiff(0, entries(1, good))},
      {"directory in its own offset", tiff(4, entries(1, good))},
      {"no entries", tiff(8, entries(0, good))},
      {"65535 entries, one there", tiff(8, entries(65535, other))},
      {"65535 entries, none there", tiff(8, entries(65535, ""))},
      {"half an entry", tiff(8, entries(1, good.substr(0, 6)))},
      {"value cut off", tiff(8, entries(1, good.substr(0, 9)))},
      {"type 0", tiff(8, entries(1, entry(orientation, 0, 1, 6)))},
      {"type byte", tiff(8, entries(1, entry(orientation, 1, 1, 6)))},
      {"type rational", tiff(8, entries(1, entry(orientation, 5, 1, 8)))},
      {"type 65535", tiff(8, entries(1, entry(orientation, 65535, 1, 6)))},
      {"no value", tiff(8, entries(1, entry(orientation, 3, 0, 6)))},
      {"2^32 - 1 values", tiff(8, entries(1, entry(orientation, 3, ~0u, 6)))},
      {"orientation 0", tiff(8, entries(1, entry(orientation, 3, 1, 0)))},
      {"orientation 9", tiff(8, entries(1, entry(orientation, 3, 1, 9)))},
      {"orientation 65535", tiff(8, entries(1, entry(orientation, 3, 1, 65535)))},
      {"first of two is wrong", tiff(8, entries(2, entry(orientation, 3, 1, 9) + good))},
      {"in the second directory", tiff(8, entries(1, other) + std::string("\x1a\0\0\0", 4) + entries(1, good))},
      {"next directory is the first", tiff(8, entries(1, other) + std::string("\x08\0\0\0", 4))},
      {"sub-directory is its parent", tiff(8, entries(2, entry(0x8769, 4, 1, 8) + other))},
  };
  return all;
}

TEST(HostileExif, MalformedSegmentsTurnNothing) {
  const Picture stored = image_test::random_picture(16, 8, 3, 8, 5);
  const image_test::Bytes jpeg = encode_jpeg(stored, 90, "p");
  const Picture upright = decode_picture(jpeg, "p");
  EXPECT_EQ(decode_picture(with_app1(jpeg, tiff(8, entries(1, entry(0x112, 3, 1, 6)))), "p").width, 8);
  std::set<std::string> different;
  for (const auto &[what, body] : segments()) {
    SCOPED_TRACE(what);
    EXPECT_TRUE(different.insert(body).second);
    const std::vector<uint8_t> exact(body.begin(), body.end());  // what is read beyond it, the sanitizer sees
    EXPECT_EQ(exif_orientation(exact), 1);
    image_test::expect_same(decode_picture(with_app1(jpeg, body), "p"), upright);
  }
  std::printf("malformed EXIF: %zu segments, none of which turns a picture\n", segments().size());
}

}  // namespace
}  // namespace sluice::hostile
