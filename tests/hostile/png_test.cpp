// SPDX-License-Identifier: Apache-2.0
// Malformed PNG files, built chunk by chunk, and the text by which each is refused.
#include "tests/hostile/malformed.h"
#include "tests/hostile/png_parts.h"

namespace sluice::hostile {
namespace {

constexpr const char *kBadHeader = "Invalid IHDR data";

Malformed bad(const std::string &what, const std::string &file, const std::string &reason) {
  return {what, file, "p: bad PNG: " + reason + "; expected a whole, undamaged PNG"};
}

// A header of 4 x 4 pixels with these fields, then pixels and end.
std::string with_header(int bits, int type, int compression, int filter, int interlace) {
  return kPngSignature + png_header(4, 4, bits, type, compression, filter, interlace) +
         png_pixels(std::string(200, '\0')) + png_end();
}

Rows header_rows() {
  const std::string good = grey_png(), header = png_header(4, 4, 8, 0);
  const auto with = [&](const std::string &first) {
    return kPngSignature + first + png_pixels(std::string(20, '\0')) + png_end();
  };
  const std::string no_picture = "p: neither PNG nor JPEG; expected a PNG or JPEG picture";
  Rows rows = {
      {"SignatureOfMng", "\x8aMNG\r\n\x1a\n" + good.substr(8), no_picture},
      {"SignatureWithoutCarriageReturn", "\x89PNG\n\x1a\n" + good.substr(8), no_picture},
      {"SignatureWithSevenBits", "\tPNG\r\n\x1a\n" + good.substr(8), no_picture},
      bad("SignatureTwice", kPngSignature + good, "PNG unsigned integer out of range"),
      bad("SignatureOnly", kPngSignature, "the file is truncated"),
      bad("NoHeader", kPngSignature + good.substr(33), "IDAT: Missing IHDR before IDAT"),
      bad("HeaderOf12Bytes", with(png_chunk("IHDR", header.substr(8, 12))), "IHDR: invalid"),
      bad("HeaderOf14Bytes", with(png_chunk("IHDR", header.substr(8, 13) + "x")), "IHDR: invalid"),
      bad("HeaderOfNothing", with(png_chunk("IHDR", "")), "IHDR: invalid"),
      bad("HeaderInLowerCase", with(png_chunk("ihdr", header.substr(8, 13))), "IDAT: Missing IHDR before IDAT"),
      bad("HeaderTwice", with(header + header), "IHDR: out of place"),
      bad("HeaderChecksum", with(damaged_checksum(header)), "IHDR: CRC error"),
      bad("WidthZero", kPngSignature + png_header(0, 4, 8, 0) + good.substr(33), "Invalid IHDR data"),
      bad("HeightZero", kPngSignature + png_header(4, 0, 8, 0) + good.substr(33), "Invalid IHDR data"),
      {"Width2To31", kPngSignature + png_header(0x80000000u, 4, 8, 0) + good.substr(33),
       "p: the picture is 2147483648 x 4, expected at most 65500 a side"},
      {"SidesOf2To31Less1", kPngSignature + png_header(0x7fffffffu, 0x7fffffffu, 8, 0) + good.substr(33),
       "p: the picture is 2147483647 x 2147483647, expected at most 65500 a side"},
      {"SidesOf2To32Less1", kPngSignature + png_header(~0u, ~0u, 8, 0) + good.substr(33),
       "p: the picture is 4294967295 x 4294967295, expected at most 65500 a side"},
      bad("Compression1", with_header(8, 0, 1, 0, 0), "Invalid IHDR data"),
      bad("Filter1", with_header(8, 0, 0, 1, 0), "Invalid IHDR data"),
      bad("FilterOfMng", with_header(8, 2, 0, 64, 0), "Invalid IHDR data"),
      bad("Interlace2", with_header(8, 0, 0, 0, 2), "Invalid IHDR data"),
      bad("Interlace255", with_header(8, 0, 0, 0, 255), "Invalid IHDR data"),
  };
  return rows;
}

Rows kind_rows() {
  Rows rows;
  for (const int bits : {0, 3, 5, 7, 9, 32, 255}) {
    rows.push_back(bad("Grey" + std::to_string(bits), with_header(bits, 0, 0, 0, 0), kBadHeader));
  }
  for (const int type : {1, 5, 7, 8, 255}) {
    rows.push_back(bad("Type" + std::to_string(type), with_header(8, type, 0, 0, 0), kBadHeader));
  }
  const std::pair<int, int> pairs[] = {{1, 2}, {2, 2}, {4, 2}, {16, 3}, {1, 4}, {4, 4}, {2, 6}, {4, 6}};
  for (const auto &[bits, type] : pairs) {
    const std::string what = "Type" + std::to_string(type) + "Of" + std::to_string(bits) + "Bits";
    rows.push_back(bad(what, with_header(bits, type, 0, 0, 0), kBadHeader));
  }
  return rows;
}

Rows palette_rows() {
  const auto file = [](int bits, const std::string &chunks, const std::string &rows = std::string(20, '\0')) {
    return kPngSignature + png_header(4, 4, bits, 3) + chunks + png_pixels(rows) + png_end();
  };
  const auto other = [](int bits, int type, const std::string &chunks) {
    return kPngSignature + png_header(4, 4, bits, type) + chunks + png_pixels(std::string(200, '\0')) + png_end();
  };
  const std::string two = png_chunk("PLTE", "abcdef"), pixels = png_pixels(std::string(20, '\0'));
  return {
      bad("NoPalette", file(8, ""), "IDAT: Missing PLTE before IDAT"),
      bad("PaletteOfNothing", file(8, png_chunk("PLTE", "")), "Invalid palette"),
      bad("PaletteOf4Bytes", file(8, png_chunk("PLTE", "abcd")), "PLTE: invalid"),
      bad("PaletteOf257", file(8, png_chunk("PLTE", std::string(771, 'a'))), "PLTE: invalid"),
      bad("PaletteTwice", file(8, two + two), "PLTE: duplicate"),
      bad("PaletteBehindPixels", kPngSignature + png_header(4, 4, 8, 3) + pixels + two + png_end(),
          "IDAT: Missing PLTE before IDAT"),
      bad("PaletteOfGrey", other(8, 0, two), "PLTE: ignored in grayscale PNG"),
      bad("PaletteChecksum", file(8, damaged_checksum(two)), "PLTE: CRC error"),
      bad("TransparencyBeforePalette", file(8, png_chunk("tRNS", "a") + two), "tRNS: out of place"),
      bad("TransparencyOf3For2Colours", file(8, two + png_chunk("tRNS", "abc")), "tRNS: invalid"),
      bad("TransparencyOfNothing", file(8, two + png_chunk("tRNS", "")), "tRNS: invalid"),
      bad("TransparencyTwice", file(8, two + png_chunk("tRNS", "a") + png_chunk("tRNS", "b")), "tRNS: duplicate"),
      bad("TransparencyOfGreyAlpha", other(8, 4, png_chunk("tRNS", "ab")), "tRNS: invalid with alpha channel"),
      bad("TransparencyOfRgba", other(8, 6, png_chunk("tRNS", "abcdef")), "tRNS: invalid with alpha channel"),
      bad("TransparencyOfGreyOf1Byte", other(8, 0, png_chunk("tRNS", "a")), "tRNS: invalid"),
      bad("TransparencyOfRgbOf2Bytes", other(16, 2, png_chunk("tRNS", "ab")), "tRNS: invalid"),
      bad("TransparencyBehindPixels",
          kPngSignature + png_header(4, 4, 8, 0) + pixels + png_chunk("tRNS", "ab") + png_end(), "tRNS: out of place"),
  };
}

Rows chunk_rows() {
  const std::string start = kPngSignature + png_header(4, 4, 8, 0), pixels = png_pixels(std::string(20, '\0'));
  const auto with = [&](const std::string &chunk) { return start + chunk + pixels + png_end(); };
  return {
      bad("UnknownCriticalChunk", with(png_chunk("ABCD", "x")), "ABCD: unhandled critical chunk"),
      bad("UnknownCriticalChunkBehindPixels", start + pixels + png_chunk("ABCD", "x") + png_end(),
          "ABCD: unhandled critical chunk"),
      bad("ChunkOfApple", with(png_chunk("CgBI", "1234")), "CgBI: unhandled critical chunk"),
      bad("ChunkNamedByDigits", with(png_chunk("1234", "x")), "[31][32][33][34]: invalid chunk type"),
      bad("ChunkNamedByNul", with(png_chunk(std::string(4, '\0'), "x")), "[00][00][00][00]: invalid chunk type"),
      bad("ChunkChecksum", with(damaged_checksum(png_chunk("tEXt", "Title"))), "tEXt: CRC error"),
      bad("ChunkOf2To31", with(big_endian_32(0x80000000u) + "tEXtx"), "PNG unsigned integer out of range"),
      bad("ChunkOf2To32Less1", with(big_endian_32(~0u) + "tEXtx"), "PNG unsigned integer out of range"),
      bad("ChunkBeyondTheFile", start + big_endian_32(1000) + "tEXtx", "the file is truncated"),
      bad("PixelsBeyondTheFile", start + big_endian_32(1000) + pixels.substr(4), "the file is truncated"),
      bad("ChunkInsideAChunk", with(big_endian_32(100) + "tEXt" + png_chunk("IDAT", "x")), "the file is truncated"),
      bad("EndWithoutPixels", start + png_end(), "IEND: out of place"),
      bad("EndOf4Bytes", start + pixels + png_chunk("IEND", "1234"), "IEND: invalid"),
      bad("EndChecksum", start + pixels + damaged_checksum(png_end()), "IEND: CRC error"),
      bad("NoEnd", start + pixels, "the file is truncated"),
      bad("HalfAnEnd", start + pixels + png_end().substr(0, 9), "the file is truncated"),
  };
}

Rows pixel_rows() {
  const std::string rows(20, '\0'), start = kPngSignature + png_header(4, 4, 8, 0);
  const std::string packed = deflated(rows);
  const auto idat = [&](const std::string &data) { return start + png_chunk("IDAT", data) + png_end(); };
  const auto changed = [&](size_t at, char value) {
    std::string data = packed;
    data[at] = value;
    return data;
  };
  Rows table = {
      bad("NoData", idat(""), "Not enough image data"),
      bad("OneByte", idat("\x78"), "Not enough image data"),
      bad("HeaderOfZlibOnly", idat(packed.substr(0, 2)), "Not enough image data"),
      bad("NotZlib", idat("hello, this is no zlib stream"), "IDAT: incorrect header check"),
      bad("MethodOfZlib", idat(changed(0, '\x79')), "IDAT: incorrect header check"),
      bad("WindowOfZlib", idat("\x88\x1c" + packed.substr(2)), "IDAT: invalid window size (libpng)"),
      bad("CheckOfZlib", idat(changed(1, '\x02')), "IDAT: incorrect header check"),
      bad("PresetDictionary", idat("\x78\x20" + std::string("\0\0\0\1", 4) + packed.substr(2)),
          "IDAT: missing LZ dictionary"),
      bad("BlockOfType3", idat("\x78\x01\x07"), "IDAT: invalid block type"),
      bad("StoredLengths", idat(std::string("\x78\x01\x01\x05\x00\x00\x00", 7) + "hello"),
          "IDAT: invalid stored block lengths"),
      bad("DistanceTooFar", idat(std::string("\x78\x01\x63\x00\x42\x00\x00", 7)),
          "IDAT: invalid distance too far back"),
      bad("CodeLengths", idat("\x78\x01\xfd\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
          "IDAT: too many length or distance symbols"),
      bad("Adler", idat(packed.substr(0, packed.size() - 1) + "\x55"), "IDAT: incorrect data check"),
      bad("NoAdler", idat(packed.substr(0, packed.size() - 4)), "Not enough image data"),
      bad("RowTooFew", idat(deflated(rows.substr(5))), "Not enough image data"),
      bad("ByteTooFew", idat(deflated(rows.substr(1))), "Not enough image data"),
      bad("ByteTooMany", idat(deflated(rows + '\0')), "IDAT: Too much image data"),
      bad("RowsTooMany", idat(deflated(rows + rows)), "IDAT: Too much image data"),
      bad("StreamTwice", idat(packed + packed), "IDAT: Extra compressed data"),
      bad("BytesBehindTheStream", idat(packed + "surplus"), "IDAT: Extra compressed data"),
      bad("ChunkBetweenPixels",
          start + png_chunk("IDAT", packed.substr(0, 5)) + png_chunk("tEXt", "Title") +
              png_chunk("IDAT", packed.substr(5)) + png_end(),
          "Not enough image data"),
      bad("SecondHalfMissing", start + png_chunk("IDAT", packed.substr(0, 5)) + png_end(), "Not enough image data"),
      bad("PixelChecksum", start + damaged_checksum(png_chunk("IDAT", packed)) + png_end(), "IDAT: CRC error"),
      bad("InterlacedTooShort",
          kPngSignature + png_header(8, 8, 8, 0, 0, 0, 1) + png_pixels(std::string(72, '\0')) + png_end(),
          "Not enough image data"),
      bad("InterlacedTooLong",
          kPngSignature + png_header(8, 8, 8, 0, 0, 0, 1) + png_pixels(std::string(80, '\0')) + png_end(),
          "IDAT: Too much image data"),
      bad("SixteenBitsTooShort",
          kPngSignature + png_header(4, 4, 16, 6) + png_pixels(std::string(131, '\0')) + png_end(),
          "Not enough image data"),
  };
  for (const int filter : {5, 6, 128, 255}) {
    std::string data = rows;
    data[10] = static_cast<char>(filter);
    table.push_back(bad("FilterOfRow" + std::to_string(filter), idat(deflated(data)), "bad adaptive filter value"));
  }
  return table;
}

TEST(HostilePng, MalformedFilesAreRefused) {
  EXPECT_EQ(picture_of(grey_png()).samples, std::vector<uint16_t>(16));  // what the rows are made of is good
  expect_refusals("PNG", 100, joined({header_rows(), kind_rows(), palette_rows(), chunk_rows(), pixel_rows()}),
                  picture_of);
}

}  // namespace
}  // namespace sluice::hostile
