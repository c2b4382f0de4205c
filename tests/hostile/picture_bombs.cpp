// SPDX-License-Identifier: Apache-2.0
// PNG: huge chunk lengths, deflated zeros, claims without data. JPEG: claims without data, scans without end.
#include "tests/hostile/bombs.h"
#include "tests/hostile/jpeg_parts.h"
#include "tests/hostile/png_parts.h"

namespace sluice::hostile {
namespace {

std::string start(uint32_t width, uint32_t height, int bits = 8, int type = 2, int interlace = 0) {
  return kPngSignature + png_header(width, height, bits, type, 0, 0, interlace);
}

// 57 bytes: a chunk that claims a gigabyte.
std::string huge_chunk(const std::string &type) {
  return start(8, 8, 8, 3) + big_endian_32(0x3FFFFFFF) + type + "abcd" + png_end();
}

// 315 bytes: the same after a chunk that is whole.
std::string huge_chunks(const std::string &type) {
  std::string file = start(8, 8, 8, 3);
  while (file.size() < 299 - 20) file += png_chunk("tEXt", "Title");
  return file + big_endian_32(0x7FFFFFFF) + type + std::string(315 - 20 - file.size(), 'a') + png_end();
}

// A stream of `bytes` zeros, at 1029:1, made of one deflate block's worth at a time.
std::string deflated_zeros(std::size_t bytes) {
  z_stream stream = {};
  deflateInit(&stream, 9);
  std::string packed(bytes / 1000 + 1000, '\0');
  std::vector<Bytef> zeros(1 << 20);
  stream.next_out = reinterpret_cast<Bytef *>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  for (std::size_t done = 0; done < bytes; done += zeros.size()) {
    stream.next_in = zeros.data();
    stream.avail_in = static_cast<uInt>(std::min(zeros.size(), bytes - done));
    deflate(&stream, done + zeros.size() < bytes ? Z_NO_FLUSH : Z_FINISH);
  }
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// The file that Pillow and libpng decode to 2.7 GB.
std::string square_of_30000() {
  return start(30000, 30000) + png_chunk("IDAT", deflated_zeros(std::size_t{30000} * 90001)) + png_end();
}

// Text whose expansion is 100 MB; nothing reads it, and then the pixels are missing.
std::string packed_text(const std::string &type, const std::string &head) {
  return start(8, 8) + png_chunk(type, head + deflated_zeros(100'000'000)) + png_end();
}

std::string garbage(std::size_t bytes) {
  std::mt19937 random(20250711);
  std::string text(bytes, '\0');
  for (char &c : text) c = static_cast<char>(random());
  return text;
}

// As many bytes as such a picture could be packed into, but they are no pixels.
std::string padded(int interlace, const std::string &pixels) {
  return start(15900, 15900, 8, 6, interlace) + png_chunk("prVt", std::string(1'000'000, 'x')) +
         png_chunk("IDAT", pixels) + png_end();
}

std::string first_rows(std::size_t rows) { return deflated_zeros(rows * (4 * 15900 + 1)); }

// `pixels` a side in the header, whatever the file holds.
std::string claiming(const std::string &jpeg, int marker, int side) {
  const int high = side >> 8, low = side & 0xFF;
  return changed(jpeg, {{marker, 1, high}, {marker, 2, low}, {marker, 3, high}, {marker, 4, low}});
}

std::string with_comments(const std::string &jpeg, int count) {
  std::string comments;
  for (int i = 0; i < count; ++i) comments += jpeg_segment(0xFE, std::string(60000, 'c'));
  return jpeg.substr(0, 2) + comments + jpeg.substr(2);
}

std::string repeated_scan(int side, int count) {
  const std::string steps = make_jpeg({.width = side, .height = side, .channels = 1, .progressive = true});
  const std::string scan = joined(JpegParts{segment_of(steps, 0xDA)});
  std::string file = steps.substr(0, steps.size() - 2);
  for (int i = 0; i < count; ++i) file += scan;
  return file + "\xFF\xD9";
}

using Add = std::function<void(const std::string &, std::function<std::string()>, const std::string &)>;

void add_png(const Add &add) {
  for (const char *type : {"iCCP", "zTXt", "iTXt", "tEXt", "eXIf", "sPLT", "PLTE", "tRNS", "IDAT", "prVt"}) {
    add(
        std::string("PNG of 57 bytes, ") + type + " of a gigabyte", [=] { return huge_chunk(type); }, "bad PNG: ");
  }
  for (const char *type : {"iCCP", "zTXt", "sPLT", "PLTE"}) {
    add(
        std::string("PNG of 315 bytes, ") + type + " of two", [=] { return huge_chunks(type); }, "bad PNG: ");
  }
  add("PNG of 30000 x 30000 zeros, 1029:1", square_of_30000, "expected at most 256000000 pixels");
  add(
      "PNG with zTXt of 100 MB", [] { return packed_text("zTXt", std::string("k\0\0", 3)); }, "out of place");
  add(
      "PNG with iCCP of 100 MB", [] { return packed_text("iCCP", std::string("k\0\0", 3)); }, "out of place");
  add(
      "PNG with iTXt of 100 MB", [] { return packed_text("iTXt", std::string("k\0\1\0\0\0", 6)); }, "out of place");
  add(
      "PNG of 15900 x 15900 in 80 bytes", [] { return start(15900, 15900) + png_end(); }, "out of place");
  add(
      "PNG of 15900 x 15900, no pixels but a large chunk", [] { return padded(0, "no zlib stream"); }, "header check");
  add(
      "PNG of 15900 x 15900, its first row", [] { return padded(0, first_rows(1)); }, "Not enough image data");
  add(
      "PNG of 15900 x 15900, interlaced, its first rows", [] { return padded(1, first_rows(3)); }, "Not enough");
  add(
      "PNG of 65500 x 3900 of one bit", [] { return start(65500, 3900, 1, 0) + png_pixels("x") + png_end(); },
      "cannot be in a file of");
  add(
      "PNG of 2^31 - 1 a side", [] { return start(0x7fffffff, 0x7fffffff) + png_end(); }, "at most 65500 a side");
  add(
      "PNG with 100000 chunks",
      [] {
        std::string text = png_chunk("tEXt", "k"), file = start(8, 8);
        for (int i = 0; i < 100'000; ++i) file += text;
        return file;
      },
      "truncated");
}

void add_jpeg(const Add &add) {
  const std::string plain = make_jpeg(), steps = make_jpeg({.progressive = true}), flat = make_jpeg({.channels = 1});
  add(
      "JPEG of 65500 x 65500", [=] { return claiming(plain, 0xC0, 65500); }, "expected at most 256000000 pixels");
  add(
      "JPEG of 15900 x 15900 in 1 kB", [=] { return claiming(plain, 0xC0, 15900); }, "cannot be in a file of");
  add(
      "JPEG of 15900 x 15900 with comments", [=] { return with_comments(claiming(plain, 0xC0, 15900), 5); },
      "bad JPEG: ");
  add(
      "progressive JPEG of 15900 x 15900 with comments", [=] { return with_comments(claiming(steps, 0xC2, 15900), 5); },
      "bad JPEG: ");
  add(
      "JPEG of 15900 x 15900 with garbage",
      [=] {
        JpegParts parts = parts_of(claiming(flat, 0xC0, 15900));
        segment(parts, 0xDA).entropy = garbage(300'000);
        return joined(parts);
      },
      "bad JPEG: ");
  add(
      "progressive JPEG of 640 x 640 with 111 scans", [] { return repeated_scan(640, 101); }, "too many scans");
  add(
      "progressive JPEG with 20000 scans", [] { return repeated_scan(16, 20'000); }, "too many scans");
}

}  // namespace

std::vector<Bomb> picture_bombs() {
  std::vector<Bomb> bombs;
  const Add add = [&](const std::string &what, std::function<std::string()> file, const std::string &reason) {
    bombs.push_back({"picture", what, std::move(file), reason});
  };
  add_png(add);
  add_jpeg(add);
  return bombs;
}

}  // namespace sluice::hostile
