// SPDX-License-Identifier: Apache-2.0
// PNG in, by libpng's row API. libpng reports errors by longjmp, so its calls stand in step functions that own nothing;
// guarded() is the only place with a setjmp, and C++ objects live outside of it. Memory for pixels is touched only as
// rows come out of the decoder, so that a file that claims much and holds little costs little.
#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <bit>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

#include "runtime/image/codecs.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

// Deflate cannot exceed 1032:1, so more than this is a lie about the size.
constexpr uint64_t kMaxDeflateRatio = 1100;
constexpr png_alloc_size_t kMaxChunkBytes = 8'000'000;
constexpr png_uint_32 kMaxCachedChunks = 100;
constexpr size_t kBatchBytes = 1 << 16;  // rows decoded at a time

struct PngReader {
  PngReader() = default;
  PngReader(const PngReader &) = delete;
  PngReader &operator=(const PngReader &) = delete;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }

  png_structp png = nullptr;
  png_infop info = nullptr;
  const std::byte *next = nullptr;
  size_t left = 0;
  png_uint_32 max_side = 0;
  png_bytep rows = nullptr;  // where the next `row_count` rows go, `row_bytes` each
  size_t row_count = 0, row_bytes = 0;
  bool no_memory = false;
  char message[200] = "";
};

// libpng drops some failures of these without a word, so they are remembered.
png_voidp on_allocate(png_structp png, png_alloc_size_t size) {
  void *const memory = std::malloc(size);
  if (memory == nullptr) static_cast<PngReader *>(png_get_mem_ptr(png))->no_memory = true;
  return memory;
}

void on_free(png_structp, png_voidp memory) { std::free(memory); }

void on_error(png_structp png, png_const_charp text) {
  auto *reader = static_cast<PngReader *>(png_get_error_ptr(png));
  const size_t length = std::string_view(text).copy(reader->message, sizeof(reader->message) - 1);
  reader->message[length] = '\0';
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep target, size_t size) {
  auto *reader = static_cast<PngReader *>(png_get_io_ptr(png));
  if (size > reader->left) png_error(png, "the file is truncated");
  std::memcpy(target, reader->next, size);
  reader->next += size;
  reader->left -= size;
}

bool guarded(PngReader &reader, void (*step)(PngReader &)) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  step(reader);
  return true;
}

// Without benign errors off, a chunk of any claimed length is allocated; without the ancillary chunks there is nothing
// but pixels, palette and tRNS to parse. Their checksums are still compared.
void read_header(PngReader &reader) {
  png_set_benign_errors(reader.png, 0);
  png_set_crc_action(reader.png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_user_limits(reader.png, reader.max_side, reader.max_side);
  png_set_chunk_cache_max(reader.png, kMaxCachedChunks);
  png_set_chunk_malloc_max(reader.png, kMaxChunkBytes);
  png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_set_read_fn(reader.png, &reader, on_read);
  png_read_info(reader.png, reader.info);
}

void choose_transforms(PngReader &reader) {
  const int type = png_get_color_type(reader.png, reader.info);
  const int bits = png_get_bit_depth(reader.png, reader.info);
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(reader.png);
  if (type == PNG_COLOR_TYPE_GRAY && bits < 8) png_set_expand_gray_1_2_4_to_8(reader.png);
  if (png_get_valid(reader.png, reader.info, PNG_INFO_tRNS) != 0) png_set_tRNS_to_alpha(reader.png);
  if (bits == 16 && std::endian::native == std::endian::little) png_set_swap(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
}

void read_rows(PngReader &reader) {
  for (size_t y = 0; y < reader.row_count; ++y) png_read_row(reader.png, reader.rows + y * reader.row_bytes, nullptr);
}

// Each pass of Adam7 goes over the whole picture.
void read_passes(PngReader &reader) {
  for (int pass = 0; pass < PNG_INTERLACE_ADAM7_PASSES; ++pass) read_rows(reader);
}

// With `info`, so that what may not stand behind the pixels is refused there too.
void read_end(PngReader &reader) { png_read_end(reader.png, reader.info); }

void run(PngReader &reader, void (*step)(PngReader &), const std::string &name) {
  const bool done = guarded(reader, step);
  if (reader.no_memory) throw std::bad_alloc();
  if (done) return;
  throw Error(ErrorCode::bad_file,
              fmt::format("{}: bad PNG: {}; expected a whole, undamaged PNG", name, reader.message));
}

uint64_t big_endian_32(ByteView bytes, size_t at) {
  uint64_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<uint64_t>(bytes[at + i]);
  return value;
}

// Signature, length, "IHDR", width, height. Looked at ahead of libpng for the sake of a clear message.
void check_claimed_size(ByteView bytes, const std::string &name, const PictureLimits &limits) {
  if (bytes.size() < 24 || std::memcmp(bytes.data() + 8, "\0\0\0\x0dIHDR", 8) != 0) return;
  check_picture_size(big_endian_32(bytes, 16), big_endian_32(bytes, 20), name, limits);
}

void check_deflate_ratio(const PngReader &reader, size_t file_bytes, const std::string &name) {
  const uint64_t height = png_get_image_height(reader.png, reader.info);
  const uint64_t raw = (png_get_rowbytes(reader.png, reader.info) + 1) * height;
  if (raw > kMaxDeflateRatio * file_bytes) {
    throw Error(ErrorCode::bad_file,
                fmt::format("{}: bad PNG: {} x {} pixels cannot be in a file of {} bytes; expected a whole, undamaged "
                            "PNG",
                            name, png_get_image_width(reader.png, reader.info), height, file_bytes));
  }
}

Picture empty_picture(const PngReader &reader, const std::string &name) {
  Picture picture;
  picture.width = static_cast<int>(png_get_image_width(reader.png, reader.info));
  picture.height = static_cast<int>(png_get_image_height(reader.png, reader.info));
  picture.channels = png_get_channels(reader.png, reader.info);
  picture.bits = png_get_bit_depth(reader.png, reader.info);
  const size_t row_bytes = picture.index(0, 1, 0) * (picture.bits == 16 ? 2 : 1);
  if ((picture.bits != 8 && picture.bits != 16) || row_bytes != png_get_rowbytes(reader.png, reader.info)) {
    throw Error(ErrorCode::bad_file, fmt::format("{}: bad PNG: unexpected kind of pixels", name));
  }
  picture.samples.reserve(picture.index(0, picture.height, 0));
  return picture;
}

// The samples of whole rows, behind those that are there; the capacity is.
void append_rows(const unsigned char *bytes, size_t size, Picture &picture) {
  if (picture.bits == 8) {
    picture.samples.insert(picture.samples.end(), bytes, bytes + size);
    return;
  }
  const size_t count = size / sizeof(uint16_t);
  picture.samples.resize(picture.samples.size() + count);
  std::memcpy(&*(picture.samples.end() - static_cast<std::ptrdiff_t>(count)), bytes, size);
}

void read_plain(PngReader &reader, Picture &picture, const std::string &name) {
  const auto height = static_cast<size_t>(picture.height);
  const size_t batch = std::min(height, std::max<size_t>(1, kBatchBytes / reader.row_bytes));
  std::vector<unsigned char> rows(batch * reader.row_bytes);
  reader.rows = rows.data();
  for (size_t y = 0; y < height; y += reader.row_count) {
    reader.row_count = std::min(batch, height - y);
    run(reader, read_rows, name);
    append_rows(rows.data(), reader.row_count * reader.row_bytes, picture);
  }
}

struct FreeMemory {
  void operator()(unsigned char *memory) const { std::free(memory); }
};

// calloc, because pages of it that no row was written to take no memory.
void read_interlaced(PngReader &reader, Picture &picture, const std::string &name) {
  const auto height = static_cast<size_t>(picture.height);
  const std::unique_ptr<unsigned char, FreeMemory> rows(
      static_cast<unsigned char *>(std::calloc(height, reader.row_bytes)));
  if (rows == nullptr) throw std::bad_alloc();
  reader.rows = rows.get();
  reader.row_count = height;
  run(reader, read_passes, name);
  append_rows(rows.get(), height * reader.row_bytes, picture);
}

}  // namespace

bool is_png(ByteView bytes) { return bytes.size() >= 8 && std::memcmp(bytes.data(), "\x89PNG\r\n\x1a\n", 8) == 0; }

Picture decode_png(ByteView bytes, const std::string &name, const PictureLimits &limits) {
  check_claimed_size(bytes, name, limits);
  PngReader reader;
  reader.next = bytes.data();
  reader.left = bytes.size();
  reader.max_side = static_cast<png_uint_32>(std::max(limits.max_side, 1));
  reader.png =
      png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning, &reader, on_allocate, on_free);
  if (reader.png != nullptr) reader.info = png_create_info_struct(reader.png);
  if (reader.info == nullptr) throw std::bad_alloc();

  run(reader, read_header, name);
  check_picture_size(png_get_image_width(reader.png, reader.info), png_get_image_height(reader.png, reader.info), name,
                     limits);
  check_deflate_ratio(reader, bytes.size(), name);
  run(reader, choose_transforms, name);

  Picture picture = empty_picture(reader, name);
  reader.row_bytes = png_get_rowbytes(reader.png, reader.info);
  const bool interlaced = png_get_interlace_type(reader.png, reader.info) != PNG_INTERLACE_NONE;
  (interlaced ? read_interlaced : read_plain)(reader, picture, name);
  run(reader, read_end, name);
  return picture;
}

}  // namespace sluice
