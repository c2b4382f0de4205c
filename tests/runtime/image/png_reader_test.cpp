// SPDX-License-Identifier: Apache-2.0
// PNG in: every colour type, depth, transparency and interlace; damaged, truncated and oversized files are refused.
#include <sys/resource.h>

#include "tests/runtime/image/image_files.h"

namespace sluice::image_test {
namespace {

constexpr int kGrey = 0, kRgb = 2, kPalette = 3;

std::vector<uint16_t> samples_of(const Bytes &file, int channels, int bits = 8) {
  const Picture picture = decode_picture(file, "p");
  EXPECT_EQ(picture.channels, channels);
  EXPECT_EQ(picture.bits, bits);
  return picture.samples;
}

using Samples = std::vector<uint16_t>;

TEST(PngReader, ExpandsGreyBelowEightBits) {
  EXPECT_EQ(samples_of(png_file(4, 1, 1, kGrey, std::string("\0\xA0", 2)), 1), (Samples{255, 0, 255, 0}));
  EXPECT_EQ(samples_of(png_file(4, 1, 2, kGrey, std::string("\0\x1B", 2)), 1), (Samples{0, 85, 170, 255}));
  EXPECT_EQ(samples_of(png_file(3, 1, 4, kGrey, std::string("\0\x01\xF0", 3)), 1), (Samples{0, 17, 255}));
}

TEST(PngReader, KeepsSixteenBitsInNativeOrder) {
  EXPECT_EQ(samples_of(png_file(2, 1, 16, kGrey, std::string("\0\x12\x34\xFF\xFE", 5)), 1, 16),
            (Samples{0x1234, 0xFFFE}));
}

TEST(PngReader, ExpandsPalettes) {
  const std::string palette = png_chunk("PLTE", std::string("\x01\x02\x03\x0A\x0B\x0C\xFF\xFE\xFD", 9));
  EXPECT_EQ(samples_of(png_file(3, 1, 2, kPalette, std::string("\0\x18", 2), palette), 3),
            (Samples{1, 2, 3, 10, 11, 12, 255, 254, 253}));
  const std::string alpha = png_chunk("tRNS", std::string("\x00\x80", 2));
  EXPECT_EQ(samples_of(png_file(3, 1, 8, kPalette, std::string("\0\x00\x01\x02", 4), palette + alpha), 4),
            (Samples{1, 2, 3, 0, 10, 11, 12, 128, 255, 254, 253, 255}));
}

TEST(PngReader, TurnsTransparentColoursIntoAlpha) {
  const std::string grey = png_chunk("tRNS", std::string("\0\x01", 2));
  EXPECT_EQ(samples_of(png_file(3, 1, 2, kGrey, std::string("\0\x18", 2), grey), 2),
            (Samples{0, 255, 85, 0, 170, 255}));
  const std::string grey16 = png_chunk("tRNS", std::string("\x12\x34", 2));
  EXPECT_EQ(samples_of(png_file(2, 1, 16, kGrey, std::string("\0\x12\x34\x12\x35", 5), grey16), 2, 16),
            (Samples{0x1234, 0, 0x1235, 65535}));
  const std::string rgb = png_chunk("tRNS", std::string("\0\x01\0\x02\0\x03", 6));
  EXPECT_EQ(samples_of(png_file(2, 1, 8, kRgb, std::string("\0\x01\x02\x03\x01\x02\x04", 7), rgb), 4),
            (Samples{1, 2, 3, 0, 1, 2, 4, 255}));
}

TEST(PngReader, IgnoresGammaProfilesAndText) {
  const std::string row("\0\x40", 2);
  const Samples plain = samples_of(png_file(1, 1, 8, kGrey, row), 1);
  const std::string gamma = png_chunk("gAMA", big_endian_32(100000));
  const std::string broken_profile = png_chunk("iCCP", std::string("x\0\0garbage", 10));
  const std::string text = png_chunk("tEXt", std::string("Title\0y", 7)) + png_chunk("prVt", "private");
  EXPECT_EQ(plain, Samples{64});
  EXPECT_EQ(samples_of(png_file(1, 1, 8, kGrey, row, gamma + broken_profile + text), 1), plain);
}

TEST(PngReader, ReadsManyTextChunksWithoutKeepingThem) {
  std::string texts;
  for (int i = 0; i < 3000; ++i) texts += png_chunk("tEXt", std::string("k\0v", 3));
  EXPECT_EQ(samples_of(png_file(1, 1, 8, kGrey, std::string("\0\x40", 2), texts), 1), Samples{64});
}

TEST(PngReader, InterlacedFilesEqualPlainOnes) {
  int pairs = 0;
  for (const auto &entry : std::filesystem::directory_iterator(fixture("pngsuite"))) {
    std::string name = entry.path().filename().string();
    const bool basic = name.starts_with("basi");
    if (!basic && !(name.starts_with("s") && name[3] == 'i')) continue;
    SCOPED_TRACE(name);
    name[3] = 'n';
    expect_same(read_picture(entry.path()), read_picture(fixture("pngsuite") / name));
    ++pairs;
  }
  EXPECT_EQ(pairs, 20);
}

TEST(PngReader, RefusesTheBrokenFilesOfPngSuiteAndReadsTheRest) {
  int broken = 0, whole = 0;
  for (const auto &entry : std::filesystem::directory_iterator(fixture("pngsuite"))) {
    SCOPED_TRACE(entry.path().filename().string());
    if (entry.path().filename().string().starts_with("x")) {
      EXPECT_TRUE(refused([&] { read_picture(entry.path()); }, ErrorCode::bad_file, entry.path().string()));
      ++broken;
    } else {
      const Picture picture = read_picture(entry.path());
      EXPECT_EQ(picture.samples.size(), picture.index(0, picture.height, 0));
      EXPECT_FALSE(picture.samples.empty());
      ++whole;
    }
  }
  EXPECT_EQ(broken, 14);
  EXPECT_EQ(whole, 59);
}

TEST(PngReader, RefusesEveryPrefix) {
  const Bytes file = load(fixture("pngsuite/basi3p04.png"));
  for (size_t length = 0; length < file.size(); ++length) {
    EXPECT_TRUE(bad_bytes(ByteView(file).first(length), "p: ")) << length;
  }
  const Bytes large = load(fixture("go_image/video-001.png"));
  for (size_t length = 0; length < large.size(); length += 50) {
    EXPECT_TRUE(bad_bytes(ByteView(large).first(length), "p: ")) << length;
  }
}

// Every byte of a PNG is under a checksum, or part of one, or says where one is.
TEST(PngReader, RefusesEveryChangedByte) {
  for (const char *name : {"pngsuite/basn0g02.png", "pngsuite/tbbn3p08.png"}) {
    const Bytes file = load(fixture(name));
    for (size_t at = 0; at < file.size(); ++at) {
      for (const int flip : {0x01, 0x20, 0x80, 0xFF}) {
        Bytes changed = file;
        changed[at] ^= static_cast<std::byte>(flip);
        EXPECT_TRUE(bad_bytes(changed, "p: ")) << name << " byte " << at << " flip " << flip;
      }
    }
  }
}

// Random rows under right checksums reach the parts behind the checksum: filters, palette indices, transparency.
TEST(PngReader, SurvivesGarbageUnderValidChecksums) {
  constexpr unsigned kSeed = 20240611;
  RecordProperty("seed", static_cast<int>(kSeed));
  const struct {
    int type, bits;
    size_t bits_per_pixel;
  } kinds[] = {{0, 1, 1}, {0, 16, 16}, {2, 8, 24}, {3, 1, 1}, {3, 8, 8}, {4, 8, 16}, {6, 16, 64}};
  std::mt19937 random(kSeed);
  int read = 0, not_read = 0;
  for (int round = 0; round < 3000; ++round) {
    const auto &kind = kinds[random() % 7];
    const size_t width = 1 + random() % 9, height = 1 + random() % 3;
    std::string rows(height * ((width * kind.bits_per_pixel + 7) / 8 + 1), '\0');
    const unsigned values = random() % 2 == 0 ? 5 : 256;
    for (char &c : rows) c = static_cast<char>(random() % values);
    if (random() % 4 == 0) rows.resize(rows.size() + random() % 3 - 1);
    std::string extra;
    if (kind.type == 3) extra += png_chunk("PLTE", std::string(3 * (1 + random() % 8), '\x33'));
    if (random() % 4 == 0) extra += png_chunk("tRNS", std::string(1 + random() % 6, '\0'));
    try {
      const Bytes file =
          png_file(static_cast<uint32_t>(width), static_cast<uint32_t>(height), kind.bits, kind.type, rows, extra);
      const Picture picture = decode_png(file, "p");
      ASSERT_EQ(picture.samples.size(), picture.index(0, picture.height, 0));
      ++read;
    } catch (const Error &error) {
      ASSERT_EQ(error.code(), ErrorCode::bad_file) << "seed " << kSeed << " round " << round;
      ++not_read;
    }
  }
  EXPECT_GT(read, 100) << "seed " << kSeed;
  EXPECT_GT(not_read, 100) << "seed " << kSeed;
}

TEST(PngReader, RefusesTooFewAndTooManyRows) {
  EXPECT_TRUE(bad_bytes(png_file(2, 2, 8, kGrey, std::string("\0\1\2", 3)), "bad PNG"));
  EXPECT_TRUE(bad_bytes(png_file(2, 1, 8, kGrey, std::string("\0\1\2\0\1\2", 6)), "bad PNG"));
}

long peak_kilobytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST(PngReader, RefusesHugeChunksInTinyFiles) {
  const long before = peak_kilobytes();
  for (const char *type : {"iCCP", "zTXt", "tEXt", "iTXt", "eXIf", "sPLT", "hIST", "tRNS", "PLTE", "prVt", "IDAT"}) {
    const std::string huge = big_endian_32(0x3FFFFFFF) + type + "abcd";
    const Bytes file = to_bytes(png_start(8, 8, 8, kPalette) + huge + png_chunk("IEND", ""));
    ASSERT_EQ(file.size(), 57u);
    EXPECT_TRUE(bad_bytes(file, "p: bad PNG: ")) << type;
  }
  EXPECT_LT(peak_kilobytes() - before, 64 * 1024);
}

TEST(PngReader, RefusesSizesThatTheFileCannotHold) {
  const long before = peak_kilobytes();
  const Bytes claim = png_file(30000, 30000, 8, kRgb, std::string(90001, '\0'));
  EXPECT_TRUE(bad_bytes(claim, "p: the picture is 30000 x 30000, expected at most 256000000 pixels"));
  PictureLimits limits;
  limits.max_pixels = 1'000'000'000;
  EXPECT_TRUE(bad_bytes(claim, "30000 x 30000 pixels cannot be in a file of", limits));
  EXPECT_LT(peak_kilobytes() - before, 64 * 1024);
}

TEST(PngReader, ReadsTheStrongestHonestCompression) {
  const std::string zeros(1000 * 3001, '\0');
  const Bytes file = png_file(1000, 1000, 8, kRgb, zeros);
  ASSERT_GT(zeros.size(), 900 * file.size());
  EXPECT_EQ(decode_picture(file, "p").samples, Samples(3'000'000));
}

TEST(PngReader, HoldsItsLimitsExactly) {
  const Bytes file = png_file(5, 3, 8, kGrey, std::string(18, '\0'));
  PictureLimits limits;
  limits.max_pixels = 15;
  limits.max_side = 5;
  EXPECT_EQ(decode_picture(file, "p", limits).width, 5);
  limits.max_pixels = 14;
  EXPECT_TRUE(bad_bytes(file, "5 x 3, expected at most 14 pixels", limits));
  limits.max_pixels = 15;
  limits.max_side = 4;
  EXPECT_TRUE(bad_bytes(file, "5 x 3, expected at most 4 a side", limits));
}

TEST(PngReader, RefusesImpossibleSizes) {
  for (const uint32_t side : {0u, 65501u, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu}) {
    EXPECT_TRUE(bad_bytes(png_file(side, 1, 8, kGrey, std::string("\0\1", 2)), "p: ")) << side;
    EXPECT_TRUE(bad_bytes(png_file(1, side, 8, kGrey, std::string("\0\1", 2)), "p: ")) << side;
  }
}

TEST(PngReader, NamesTheDamage) {
  Bytes file = load(fixture("pngsuite/basn2c08.png"));
  EXPECT_TRUE(bad_bytes(ByteView(file).first(file.size() - 1), "the file is truncated; expected a whole"));
  file[file.size() - 14] ^= std::byte{1};
  EXPECT_TRUE(bad_bytes(file, "CRC error"));
}

}  // namespace
}  // namespace sluice::image_test
