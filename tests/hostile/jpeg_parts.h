// SPDX-License-Identifier: Apache-2.0
// JPEG files made by libjpeg in its less common ways, taken apart into segments and put together again.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::hostile {

struct JpegKind {
  int width = 32, height = 16, channels = 3;  // 1 grey, 3 colour, 4 ink
  bool progressive = false, arithmetic = false;
  unsigned restart_every = 0;  // blocks
};

// A picture with something in every block.
std::string make_jpeg(const JpegKind &kind = {});

struct JpegSegment {
  int marker = 0;       // 0xD8 begins the file, 0xD9 ends it
  std::string body;     // behind the two bytes of the length
  std::string entropy;  // of a scan: the data behind it
};

using JpegParts = std::vector<JpegSegment>;

JpegParts parts_of(const std::string &jpeg);
std::string joined(const JpegParts &parts);

JpegSegment segment_of(const std::string &jpeg, int marker);

// The file with another body in the first segment of this marker.
std::string with_body(const std::string &jpeg, int marker, const std::string &body);

// One segment as it stands in a file.
std::string jpeg_segment(int marker, const std::string &body);

// The first segment of this marker; throws where there is none.
JpegSegment &segment(JpegParts &parts, int marker);

// The file without the segments of this marker.
std::string without(const std::string &jpeg, int marker);

// The file with bytes of the first segment of this marker changed: body[at] = value.
struct Change {
  int marker = 0;
  std::size_t at = 0;
  int value = 0;
};
std::string changed(const std::string &jpeg, const std::vector<Change> &changes);

// The file with this text in front of the first segment of the marker.
std::string inserted(const std::string &jpeg, int marker, const std::string &text);

}  // namespace sluice::hostile
