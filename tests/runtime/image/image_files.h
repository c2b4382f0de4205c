// SPDX-License-Identifier: Apache-2.0
// For the tests of runtime/image: temporary folders, fixtures, random pictures, PNG files made chunk by chunk, JPEG
// files with a marker put in, and the check that something is refused in the right way.
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "runtime/image/codecs.h"
#include "runtime/image/picture.h"
#include "weights_io/error.h"

namespace sluice::image_test {

using Bytes = std::vector<std::byte>;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-image-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const std::string &name) const { return path_ / name; }
  const std::filesystem::path &path() const { return path_; }
  std::ptrdiff_t entries() const {
    return std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator());
  }

 private:
  std::filesystem::path path_;
};

inline std::filesystem::path fixture(const std::string &name) {
  return std::filesystem::path(SLUICE_SOURCE_DIR) / "tests/fixtures/images" / name;
}

inline Bytes to_bytes(const std::string &text) {
  Bytes bytes(text.size());
  std::transform(text.begin(), text.end(), bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

inline Bytes load(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("no file " + path.string());
  return to_bytes(std::string(std::istreambuf_iterator<char>(file), {}));
}

inline void save(const std::filesystem::path &path, ByteView bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char *>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// True when `call` throws Error with this code and a message of one line that contains `part`.
template <typename Call>
::testing::AssertionResult refused(Call &&call, ErrorCode code, const std::string &part) {
  try {
    call();
  } catch (const Error &error) {
    const std::string message = error.what();
    if (error.code() == code && message.find(part) != std::string::npos && message.find('\n') == std::string::npos) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << "code " << static_cast<int>(error.code()) << ": " << message
                                         << " (expected code " << static_cast<int>(code) << " and '" << part << "')";
  }
  return ::testing::AssertionFailure() << "not refused, expected '" << part << "'";
}

// 'p' is the name given to decoders here, to see that messages begin with it.
inline ::testing::AssertionResult bad_bytes(ByteView bytes, const std::string &part, const PictureLimits &limits = {}) {
  return refused([&] { decode_picture(bytes, "p", limits); }, ErrorCode::bad_file, part);
}

inline Picture random_picture(int width, int height, int channels, int bits, unsigned seed) {
  Picture picture{width, height, channels, bits, {}};
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> value(0, picture.max_value());
  picture.samples.resize(picture.index(0, height, 0));
  for (uint16_t &sample : picture.samples) sample = static_cast<uint16_t>(value(random));
  return picture;
}

inline void expect_same(const Picture &a, const Picture &b) {
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.height, b.height);
  EXPECT_EQ(a.channels, b.channels);
  EXPECT_EQ(a.bits, b.bits);
  EXPECT_TRUE(a.samples == b.samples) << "samples differ";
}

// Mean absolute difference of the samples; 1000 when the shapes differ.
inline double difference(const Picture &a, const Picture &b) {
  if (a.width != b.width || a.height != b.height || a.channels != b.channels) return 1000;
  double sum = 0;
  for (size_t i = 0; i < a.samples.size(); ++i) sum += std::abs(a.samples[i] - b.samples[i]);
  return sum / static_cast<double>(a.samples.size());
}

inline std::string big_endian_32(uint32_t value) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 0xFF);
  return text;
}

inline std::string png_chunk(const std::string &type, const std::string &body) {
  const std::string checked = type + body;
  const uLong sum = crc32(0, reinterpret_cast<const Bytef *>(checked.data()), static_cast<uInt>(checked.size()));
  return big_endian_32(static_cast<uint32_t>(body.size())) + checked + big_endian_32(static_cast<uint32_t>(sum));
}

inline std::string png_start(uint32_t width, uint32_t height, int bits, int type) {
  std::string header = big_endian_32(width) + big_endian_32(height);
  header += static_cast<char>(bits);
  header += static_cast<char>(type);
  header += std::string(3, '\0');
  return "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", header);
}

// `rows` holds the packed bytes of each row behind its filter byte; `extra` is chunks that stand before the pixels.
inline Bytes png_file(uint32_t width, uint32_t height, int bits, int type, const std::string &rows,
                      const std::string &extra = "") {
  uLongf size = compressBound(static_cast<uLong>(rows.size()));
  std::string packed(size, '\0');
  compress2(reinterpret_cast<Bytef *>(packed.data()), &size, reinterpret_cast<const Bytef *>(rows.data()),
            static_cast<uLong>(rows.size()), 9);
  packed.resize(size);
  return to_bytes(png_start(width, height, bits, type) + extra + png_chunk("IDAT", packed) + png_chunk("IEND", ""));
}

// Puts an APP1 marker behind the first two bytes of a JPEG.
inline Bytes with_app1(const Bytes &jpeg, const std::string &body) {
  const size_t length = body.size() + 2;
  std::string marker = "\xFF\xE1";
  marker += static_cast<char>(length >> 8);
  marker += static_cast<char>(length & 0xFF);
  const Bytes inserted = to_bytes(marker + body);
  Bytes result = jpeg;
  result.insert(result.begin() + 2, inserted.begin(), inserted.end());
  return result;
}

// An EXIF body with two entries, the second of them the orientation.
inline std::string exif_body(int orientation, bool big_endian, int type = 3, int count = 1) {
  std::string body("Exif\0\0", 6);
  const auto put = [&](unsigned value, int size) {
    for (int i = 0; i < size; ++i) body += static_cast<char>(value >> 8 * (big_endian ? size - 1 - i : i) & 0xFF);
  };
  body += big_endian ? "MM" : "II";
  put(42, 2), put(8, 4), put(2, 2);
  put(0x0100, 2), put(4, 2), put(1, 4), put(640, 4);
  put(0x0112, 2), put(static_cast<unsigned>(type), 2), put(static_cast<unsigned>(count), 4);
  put(static_cast<unsigned>(orientation), 2), put(0, 2);
  put(0, 4);
  return body;
}

}  // namespace sluice::image_test
