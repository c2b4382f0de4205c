// SPDX-License-Identifier: Apache-2.0
// PNG files made of parts, as text of bytes.
#pragma once
#include <string>

#include "tests/hostile/malformed.h"
#include "tests/runtime/image/image_files.h"

namespace sluice::hostile {

using image_test::big_endian_32;
using image_test::png_chunk;

inline const std::string kPngSignature = "\x89PNG\r\n\x1a\n";

inline std::string png_header(uint32_t width, uint32_t height, int bits, int type, int compression = 0, int filter = 0,
                              int interlace = 0) {
  std::string body = big_endian_32(width) + big_endian_32(height);
  for (const int field : {bits, type, compression, filter, interlace}) body += static_cast<char>(field);
  return png_chunk("IHDR", body);
}

inline std::string deflated(const std::string &data, int level = 9) {
  uLongf size = compressBound(static_cast<uLong>(data.size()));
  std::string packed(size, '\0');
  compress2(reinterpret_cast<Bytef *>(packed.data()), &size, reinterpret_cast<const Bytef *>(data.data()),
            static_cast<uLong>(data.size()), level);
  packed.resize(size);
  return packed;
}

// `rows`: each behind its filter byte.
inline std::string png_pixels(const std::string &rows) { return png_chunk("IDAT", deflated(rows)); }
inline std::string png_end() { return png_chunk("IEND", ""); }

inline std::string damaged_checksum(std::string chunk) {
  chunk.back() = static_cast<char>(chunk.back() ^ 1);
  return chunk;
}

// 4 x 4 pixels of 8 bits.
inline std::string grey_png() {
  return kPngSignature + png_header(4, 4, 8, 0) + png_pixels(std::string(20, '\0')) + png_end();
}

inline Picture picture_of(const std::string &file) { return decode_picture(bytes_of(file), "p"); }

}  // namespace sluice::hostile
