// SPDX-License-Identifier: Apache-2.0
// Encoding by libjpeg, whose errors end the test program here, and walking over segments.
#include "tests/hostile/jpeg_parts.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <utility>

// jpeglib.h needs size_t and FILE from before it.
#include <jpeglib.h>

namespace sluice::hostile {
namespace {

bool stands_alone(int marker) { return marker == 0xD8 || marker == 0xD9 || (marker >= 0xD0 && marker <= 0xD7); }

int byte(const std::string &text, std::size_t at) { return static_cast<unsigned char>(text.at(at)); }

}  // namespace

std::string make_jpeg(const JpegKind &kind) {
  jpeg_compress_struct info = {};
  jpeg_error_mgr errors = {};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char *memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &memory, &size);
  info.image_width = static_cast<JDIMENSION>(kind.width);
  info.image_height = static_cast<JDIMENSION>(kind.height);
  info.input_components = kind.channels;
  info.in_color_space = kind.channels == 1 ? JCS_GRAYSCALE : kind.channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&info);
  info.arith_code = kind.arithmetic ? TRUE : FALSE;
  info.restart_interval = kind.restart_every;
  if (kind.progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  std::vector<unsigned char> row(static_cast<std::size_t>(kind.width) * static_cast<std::size_t>(kind.channels));
  for (int y = 0; y < kind.height; ++y) {
    for (std::size_t i = 0; i < row.size(); ++i)
      row[i] = static_cast<unsigned char>(37 * i + 101 * static_cast<std::size_t>(y) + i * i / 3);
    JSAMPROW line = row.data();
    jpeg_write_scanlines(&info, &line, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string file(reinterpret_cast<const char *>(memory), size);
  std::free(memory);
  return file;
}

JpegParts parts_of(const std::string &jpeg) {
  JpegParts parts;
  for (std::size_t at = 0; at + 2 <= jpeg.size();) {
    JpegSegment part;
    part.marker = byte(jpeg, at + 1);
    at += 2;
    if (!stands_alone(part.marker)) {
      const auto length = static_cast<std::size_t>(byte(jpeg, at) << 8 | byte(jpeg, at + 1));
      part.body = jpeg.substr(at + 2, length - 2);
      at += length;
    }
    const std::size_t begin = at;
    while (part.marker == 0xDA && at + 1 < jpeg.size()) {
      const int next = byte(jpeg, at + 1);
      if (byte(jpeg, at) == 0xFF && next != 0 && (next < 0xD0 || next > 0xD7)) break;
      ++at;
    }
    part.entropy = jpeg.substr(begin, at - begin);
    parts.push_back(part);
  }
  return parts;
}

std::string jpeg_segment(int marker, const std::string &body) {
  const std::size_t length = body.size() + 2;
  return std::string{'\xFF', static_cast<char>(marker), static_cast<char>(length >> 8), static_cast<char>(length)} +
         body;
}

std::string joined(const JpegParts &parts) {
  std::string file;
  for (const JpegSegment &part : parts) {
    file += stands_alone(part.marker) ? std::string{'\xFF', static_cast<char>(part.marker)}
                                      : jpeg_segment(part.marker, part.body);
    file += part.entropy;
  }
  return file;
}

JpegSegment &segment(JpegParts &parts, int marker) {
  const auto found =
      std::find_if(parts.begin(), parts.end(), [&](const JpegSegment &part) { return part.marker == marker; });
  if (found == parts.end()) throw std::runtime_error("the JPEG has no such marker");
  return *found;
}

JpegSegment segment_of(const std::string &jpeg, int marker) {
  JpegParts parts = parts_of(jpeg);
  return segment(parts, marker);
}

std::string with_body(const std::string &jpeg, int marker, const std::string &body) {
  JpegParts parts = parts_of(jpeg);
  segment(parts, marker).body = body;
  return joined(parts);
}

std::string without(const std::string &jpeg, int marker) {
  JpegParts parts = parts_of(jpeg);
  std::erase_if(parts, [&](const JpegSegment &part) { return part.marker == marker; });
  return joined(parts);
}

std::string changed(const std::string &jpeg, const std::vector<Change> &changes) {
  JpegParts parts = parts_of(jpeg);
  for (const Change &change : changes)
    segment(parts, change.marker).body.at(change.at) = static_cast<char>(change.value);
  return joined(parts);
}

std::string inserted(const std::string &jpeg, int marker, const std::string &text) {
  std::string file;
  bool done = false;
  for (const JpegSegment &part : parts_of(jpeg)) {
    if (part.marker == marker && !std::exchange(done, true)) file += text;
    file += joined(JpegParts{part});
  }
  return file;
}

}  // namespace sluice::hostile
