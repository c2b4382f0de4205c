// SPDX-License-Identifier: Apache-2.0
// JPEG in, by libjpeg's classic API. Errors come by longjmp, handled as in png_reader.cpp: step functions own nothing.
// CMYK and YCCK are converted by the plain formula R = (255 - C)(255 - K) / 255, without profiles. Data with an Adobe
// marker is stored inverted, as Adobe's programs write it. Memory for pixels is touched only as rows come out of the
// decoder.
#include <fmt/format.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>
#include <string_view>

// jpeglib.h needs size_t and FILE from before it.
#include <jpeglib.h>

#include <jerror.h>

#include "runtime/image/codecs.h"
#include "runtime/image/exif.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

// Huffman coding takes at least one bit for a block of 64 pixels, so more than this is a lie about the size. Only flat
// areas in arithmetic coding could exceed it honestly.
constexpr uint64_t kMaxPixelsPerByte = 1024;
constexpr size_t kBatchBytes = 1 << 16;  // rows decoded at a time
constexpr std::string_view kTooManyScans = "too many scans";

struct JpegReader {
  JpegReader() = default;
  JpegReader(const JpegReader &) = delete;
  JpegReader &operator=(const JpegReader &) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&info); }

  jpeg_decompress_struct info = {};
  jpeg_error_mgr errors = {};
  jpeg_progress_mgr progress = {};
  std::jmp_buf jump = {};
  const unsigned char *data = nullptr;
  size_t size = 0;
  int max_scans = 0;
  unsigned char *rows = nullptr;  // where the next `row_count` rows go, `row_bytes` each
  size_t row_count = 0, row_bytes = 0;
  bool no_memory = false;
  char message[JMSG_LENGTH_MAX] = "";
};

[[noreturn]] void fail(JpegReader *reader) { std::longjmp(reader->jump, 1); }

void on_error(j_common_ptr info) {
  auto *reader = static_cast<JpegReader *>(info->client_data);
  reader->no_memory = info->err->msg_code == JERR_OUT_OF_MEMORY;
  info->err->format_message(info, reader->message);
  fail(reader);
}

// Warnings that do not touch pixels. All others mean that data is damaged or missing.
bool is_harmless(int code) {
  return code == JWRN_ADOBE_XFORM || code == JWRN_BOGUS_ICC || code == JWRN_EXTRANEOUS_DATA ||
         code == JWRN_JFIF_MAJOR || code == JWRN_NOT_SEQUENTIAL;
}

void on_message(j_common_ptr info, int level) {
  if (level >= 0 || is_harmless(info->err->msg_code)) return;
  auto *reader = static_cast<JpegReader *>(info->client_data);
  if (info->err->msg_code == JWRN_JPEG_EOF) {
    const size_t length = std::string_view("the file is truncated").copy(reader->message, sizeof(reader->message) - 1);
    reader->message[length] = '\0';
  } else {
    info->err->format_message(info, reader->message);
  }
  fail(reader);
}

void on_output(j_common_ptr) {}

// Each scan of a progressive file goes over the whole picture, so a small file could keep the decoder busy for hours.
void on_progress(j_common_ptr info) {
  auto *reader = static_cast<JpegReader *>(info->client_data);
  if (reader->info.input_scan_number <= reader->max_scans) return;
  const size_t length = kTooManyScans.copy(reader->message, sizeof(reader->message) - 1);
  reader->message[length] = '\0';
  fail(reader);
}

bool guarded(JpegReader &reader, void (*step)(JpegReader &)) {
  if (setjmp(reader.jump) != 0) return false;
  step(reader);
  return true;
}

void read_header(JpegReader &reader) {
  reader.info.err = jpeg_std_error(&reader.errors);
  reader.errors.error_exit = on_error;
  reader.errors.emit_message = on_message;
  reader.errors.output_message = on_output;
  reader.info.client_data = &reader;
  jpeg_create_decompress(&reader.info);
  reader.progress.progress_monitor = on_progress;
  reader.info.progress = &reader.progress;
  jpeg_mem_src(&reader.info, reader.data, static_cast<unsigned long>(reader.size));
  jpeg_save_markers(&reader.info, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&reader.info, TRUE);
}

void start(JpegReader &reader) {
  switch (reader.info.num_components) {
    case 1:
      reader.info.out_color_space = JCS_GRAYSCALE;
      break;
    case 3:
      reader.info.out_color_space = JCS_RGB;
      break;
    default:
      reader.info.out_color_space = JCS_CMYK;
      break;
  }
  jpeg_start_decompress(&reader.info);
}

// Ink to light for one row of four bytes a pixel.
void convert_cmyk(const unsigned char *row, uint16_t *target, size_t width, bool inverted) {
  for (size_t x = 0; x < width; ++x, row += 4, target += 3) {
    for (int c = 0; c < 3; ++c) {
      const unsigned light = inverted ? row[c] * row[3] : (255u - row[c]) * (255u - row[3]);
      target[c] = static_cast<uint16_t>((light + 127) / 255);
    }
  }
}

void read_rows(JpegReader &reader) {
  for (size_t y = 0; y < reader.row_count; ++y) {
    JSAMPROW row = reader.rows + y * reader.row_bytes;
    if (jpeg_read_scanlines(&reader.info, &row, 1) != 1) ERREXIT(&reader.info, JERR_CANT_SUSPEND);
  }
}

void finish(JpegReader &reader) { jpeg_finish_decompress(&reader.info); }

[[noreturn]] void fail_reading(const std::string &name, std::string_view reason) {
  throw Error(ErrorCode::bad_file,
              fmt::format("{}: bad JPEG: {}; expected a whole, undamaged 8-bit JPEG", name, reason));
}

void run(JpegReader &reader, void (*step)(JpegReader &), const std::string &name) {
  if (guarded(reader, step)) return;
  if (reader.no_memory) throw std::bad_alloc();
  fail_reading(name, reader.message);
}

void check_header(const JpegReader &reader, const std::string &name, const PictureLimits &limits) {
  const uint64_t width = reader.info.image_width;
  const uint64_t height = reader.info.image_height;
  check_picture_size(width, height, name, limits);
  if (width * height > kMaxPixelsPerByte * reader.size) {
    throw Error(ErrorCode::bad_file,
                fmt::format("{}: bad JPEG: {} x {} pixels cannot be in a file of {} bytes; expected a whole, undamaged "
                            "8-bit JPEG",
                            name, width, height, reader.size));
  }
  const int components = reader.info.num_components;
  if (components != 1 && components != 3 && components != 4) {
    throw Error(ErrorCode::bad_file, fmt::format("{}: bad JPEG: {} components, expected 1, 3 or 4", name, components));
  }
}

// libjpeg fills components of which no scan came with grey and says nothing. Once a scan names a component, it has its
// quantization table.
void check_components(const JpegReader &reader, const std::string &name) {
  for (int c = 0; c < reader.info.num_components; ++c) {
    if (reader.info.comp_info[c].quant_table != nullptr) continue;
    throw Error(ErrorCode::bad_file, fmt::format("{}: bad JPEG: component {} of {} has no data; expected a whole, "
                                                 "undamaged 8-bit JPEG",
                                                 name, c + 1, reader.info.num_components));
  }
}

void read_pixels(JpegReader &reader, Picture &picture, const std::string &name) {
  const size_t width = reader.info.output_width, height = reader.info.output_height;
  const bool cmyk = reader.info.out_color_space == JCS_CMYK;
  reader.row_bytes = width * static_cast<size_t>(reader.info.output_components);
  const size_t batch = std::min(height, std::max<size_t>(1, kBatchBytes / reader.row_bytes));
  std::vector<unsigned char> rows(batch * reader.row_bytes);
  reader.rows = rows.data();
  picture.samples.reserve(picture.index(0, picture.height, 0));
  for (size_t y = 0; y < height; y += reader.row_count) {
    reader.row_count = std::min(batch, height - y);
    run(reader, read_rows, name);
    const size_t bytes = reader.row_count * reader.row_bytes, old = picture.samples.size();
    if (!cmyk) {
      picture.samples.insert(picture.samples.end(), rows.data(), rows.data() + bytes);
      continue;
    }
    picture.samples.resize(old + bytes / 4 * 3);
    convert_cmyk(rows.data(), picture.samples.data() + old, bytes / 4, reader.info.saw_Adobe_marker != FALSE);
  }
  run(reader, finish, name);
}

// The scans that the file begins, as far as its markers can be followed; on_progress() counts them once more. Seen
// ahead, because each costs a pass over the whole picture.
int count_scans(ByteView bytes) {
  const auto byte = [&](size_t at) { return std::to_integer<unsigned>(bytes[at]); };
  int scans = 0;
  for (size_t at = 2; at + 4 <= bytes.size();) {
    const auto *const found = static_cast<const std::byte *>(std::memchr(&bytes[at], 0xFF, bytes.size() - at));
    if (found == nullptr) break;
    at = static_cast<size_t>(found - bytes.data());
    if (at + 4 > bytes.size()) break;
    const unsigned marker = byte(at + 1);
    const bool stands_alone = marker == 0 || marker == 1 || (marker >= 0xD0 && marker <= 0xD8);
    if (marker == 0xD9) break;
    if (marker == 0xDA) ++scans;
    at += marker == 0xFF ? 1 : stands_alone ? 2 : 2 + (byte(at + 2) << 8 | byte(at + 3));
  }
  return scans;
}

int orientation_of(const JpegReader &reader) {
  for (const jpeg_marker_struct *marker = reader.info.marker_list; marker != nullptr; marker = marker->next) {
    const std::span<const uint8_t> segment(marker->data, marker->data_length);
    if (is_exif(segment)) return exif_orientation(segment);
  }
  return 1;
}

}  // namespace

bool is_jpeg(ByteView bytes) {
  return bytes.size() >= 3 && bytes[0] == std::byte{0xFF} && bytes[1] == std::byte{0xD8} && bytes[2] == std::byte{0xFF};
}

Picture decode_jpeg(ByteView bytes, const std::string &name, const PictureLimits &limits) {
  JpegReader reader;
  reader.data = reinterpret_cast<const unsigned char *>(bytes.data());
  reader.size = bytes.size();
  reader.max_scans = limits.max_jpeg_scans;
  run(reader, read_header, name);
  check_header(reader, name, limits);
  if (count_scans(bytes) > limits.max_jpeg_scans) fail_reading(name, kTooManyScans);
  const int orientation = orientation_of(reader);  // here, because the end of decoding frees the markers
  run(reader, start, name);
  check_components(reader, name);

  Picture picture;
  picture.width = static_cast<int>(reader.info.output_width);
  picture.height = static_cast<int>(reader.info.output_height);
  picture.channels = reader.info.num_components == 1 ? 1 : 3;
  read_pixels(reader, picture, name);
  return turn_upright(std::move(picture), orientation);
}

}  // namespace sluice
