// SPDX-License-Identifier: Apache-2.0
// JPEG out: grey or YCbCr 4:4:4, 8 bits. Alpha is dropped and 16 bits become 8 by dividing by 257, rounded.
#include <fmt/format.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>

// jpeglib.h needs size_t and FILE from before it.
#include <jpeglib.h>

#include <jerror.h>

#include "runtime/image/codecs.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr size_t kBufferBytes = 16384;

struct JpegWriter {
  JpegWriter() = default;
  JpegWriter(const JpegWriter &) = delete;
  JpegWriter &operator=(const JpegWriter &) = delete;
  ~JpegWriter() { jpeg_destroy_compress(&info); }

  jpeg_compress_struct info = {};
  jpeg_error_mgr errors = {};
  jpeg_destination_mgr destination = {};
  std::jmp_buf jump = {};
  const Picture *picture = nullptr;
  int quality = 0;
  unsigned char *row = nullptr;
  std::vector<std::byte> *target = nullptr;
  unsigned char buffer[kBufferBytes] = {};
  char message[JMSG_LENGTH_MAX] = "";
};

JpegWriter *writer_of(j_compress_ptr info) { return static_cast<JpegWriter *>(info->client_data); }

void on_error(j_common_ptr info) {
  auto *writer = static_cast<JpegWriter *>(info->client_data);
  info->err->format_message(info, writer->message);
  std::longjmp(writer->jump, 1);
}

void on_message(j_common_ptr, int) {}
void on_output(j_common_ptr) {}

void init_buffer(j_compress_ptr info) {
  info->dest->next_output_byte = writer_of(info)->buffer;
  info->dest->free_in_buffer = kBufferBytes;
}

// Called with a full buffer; by libjpeg's rules next_output_byte and free_in_buffer are not to be trusted here.
boolean empty_buffer(j_compress_ptr info) {
  JpegWriter *writer = writer_of(info);
  if (!append_bytes(writer->target, writer->buffer, kBufferBytes)) ERREXIT1(info, JERR_OUT_OF_MEMORY, 0);
  init_buffer(info);
  return TRUE;
}

void finish_buffer(j_compress_ptr info) {
  JpegWriter *writer = writer_of(info);
  if (!append_bytes(writer->target, writer->buffer, kBufferBytes - info->dest->free_in_buffer)) {
    ERREXIT1(info, JERR_OUT_OF_MEMORY, 0);
  }
}

void start(JpegWriter &writer) {
  jpeg_compress_struct &info = writer.info;
  info.err = jpeg_std_error(&writer.errors);
  writer.errors.error_exit = on_error;
  writer.errors.emit_message = on_message;
  writer.errors.output_message = on_output;
  info.client_data = &writer;
  jpeg_create_compress(&info);
  writer.destination.init_destination = init_buffer;
  writer.destination.empty_output_buffer = empty_buffer;
  writer.destination.term_destination = finish_buffer;
  info.dest = &writer.destination;
  info.image_width = static_cast<JDIMENSION>(writer.picture->width);
  info.image_height = static_cast<JDIMENSION>(writer.picture->height);
  info.input_components = writer.picture->colour_channels();
  info.in_color_space = info.input_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, writer.quality, TRUE);
  for (int c = 0; c < info.num_components; ++c) {
    info.comp_info[c].h_samp_factor = 1;
    info.comp_info[c].v_samp_factor = 1;
  }
  jpeg_start_compress(&info, TRUE);
}

void write_all(JpegWriter &writer) {
  start(writer);
  const Picture &picture = *writer.picture;
  const int colours = picture.colour_channels();
  for (int y = 0; y < picture.height; ++y) {
    const uint16_t *sample = picture.samples.data() + picture.index(0, y, 0);
    unsigned char *byte = writer.row;
    for (int x = 0; x < picture.width; ++x, sample += picture.channels) {
      for (int c = 0; c < colours; ++c) {
        const int value = picture.bits == 16 ? (sample[c] + 128) / 257 : sample[c];
        *byte++ = static_cast<unsigned char>(std::min(value, 255));
      }
    }
    jpeg_write_scanlines(&writer.info, &writer.row, 1);
  }
  jpeg_finish_compress(&writer.info);
}

bool guarded(JpegWriter &writer, void (*step)(JpegWriter &)) {
  if (setjmp(writer.jump) != 0) return false;
  step(writer);
  return true;
}

}  // namespace

std::vector<std::byte> encode_jpeg(const Picture &picture, int quality, const std::string &name) {
  check_picture(picture, name);
  if (quality < 1 || quality > 100) {
    throw Error(ErrorCode::usage, fmt::format("{}: JPEG quality {}, expected 1 to 100", name, quality));
  }
  std::vector<std::byte> bytes;
  std::vector<unsigned char> row(static_cast<size_t>(picture.width) * static_cast<size_t>(picture.colour_channels()));
  JpegWriter writer;
  writer.picture = &picture;
  writer.quality = quality;
  writer.row = row.data();
  writer.target = &bytes;
  if (!guarded(writer, write_all)) {
    throw Error(ErrorCode::input_failed, fmt::format("{}: cannot write as JPEG: {}", name, writer.message));
  }
  return bytes;
}

}  // namespace sluice
