// SPDX-License-Identifier: Apache-2.0
// JPEG in: colour spaces, sampling, progressive and arithmetic coding, orientation; damaged and hostile files.
#include "tests/runtime/image/image_files.h"

namespace sluice::image_test {
namespace {

size_t find_marker(const Bytes &file, unsigned char marker) {
  for (size_t i = 0; i + 1 < file.size(); ++i) {
    if (file[i] == std::byte{0xFF} && file[i + 1] == std::byte{marker}) return i;
  }
  ADD_FAILURE() << "no marker " << int{marker};
  return 0;
}

Bytes small_jpeg() { return encode_jpeg(random_picture(40, 24, 3, 8, 11), 80, "p"); }

// Each file is the same picture; only losses of the coding may differ.
TEST(JpegReader, ReadsEveryKindCloseToTheOriginal) {
  const Picture original = read_picture(fixture("go_image/video-001.png"));
  ASSERT_EQ(original.channels, 3);
  const std::pair<const char *, double> kinds[] = {
      {"jpeg", 4},          {"progressive.jpeg", 4},          {"rgb.jpeg", 12},
      {"q50.420.jpeg", 12}, {"q50.422.progressive.jpeg", 12}, {"q50.444.jpeg", 12}};
  for (const auto &[kind, bound] : kinds) {
    const Picture picture = read_picture(fixture(std::string("go_image/video-001.") + kind));
    EXPECT_LT(difference(picture, original), bound) << kind;
  }
}

TEST(JpegReader, ReadsGreyAndArithmeticCoding) {
  const Picture grey = read_picture(fixture("go_image/video-005.gray.jpeg"));
  EXPECT_EQ(grey.channels, 1);
  EXPECT_EQ(grey.bits, 8);
  const Picture arithmetic = read_picture(fixture("libjpeg_turbo/testimgari.jpg"));
  EXPECT_EQ(arithmetic.channels, 3);
  EXPECT_EQ(arithmetic.width, 227);
  EXPECT_EQ(arithmetic.height, 149);
}

TEST(JpegReader, ConvertsCmykWithAndWithoutAdobesInversion) {
  Bytes file = load(fixture("go_image/video-001.cmyk.jpeg"));
  const Picture inverted = decode_jpeg(file, "p");
  // Another decoder's result for the same file.
  EXPECT_LT(difference(inverted, read_picture(fixture("go_image/video-001.cmyk.png"))), 0.5);
  const size_t adobe = find_marker(file, 0xEE);
  file[adobe + 1] = std::byte{0xE5};  // an APP5 that no one knows, so the same numbers are not inverted
  const Picture direct = decode_jpeg(file, "p");
  ASSERT_EQ(direct.channels, 3);
  EXPECT_GT(difference(inverted, direct), 30);
}

TEST(JpegReader, TurnsByTheOrientation) {
  const uint16_t levels[] = {20, 60, 100, 140, 180, 220};
  Picture stored{24, 16, 1, 8, {}};
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 24; ++x) stored.samples.push_back(levels[y / 8 * 3 + x / 8]);
  }
  const Bytes plain = encode_jpeg(stored, 100, "p");
  // Numbers of the stored blocks 012/345 as they have to be shown; 0 and 9 are no orientations.
  const std::vector<std::vector<std::string>> shown = {
      {"012", "345"},     {"012", "345"},     {"210", "543"},     {"543", "210"},     {"345", "012"},
      {"03", "14", "25"}, {"30", "41", "52"}, {"52", "41", "30"}, {"25", "14", "03"}, {"012", "345"}};
  for (int orientation = 0; orientation <= 9; ++orientation) {
    SCOPED_TRACE(orientation);
    const auto &rows = shown[static_cast<size_t>(orientation)];
    const Picture picture = decode_jpeg(with_app1(plain, exif_body(orientation, orientation % 2 == 0)), "p");
    ASSERT_EQ(picture.width, 8 * static_cast<int>(rows[0].size()));
    ASSERT_EQ(picture.height, 8 * static_cast<int>(rows.size()));
    for (int y = 0; y < picture.height; ++y) {
      for (int x = 0; x < picture.width; ++x) {
        const int block = rows[static_cast<size_t>(y / 8)][static_cast<size_t>(x / 8)] - '0';
        EXPECT_NEAR(picture.samples[picture.index(x, y, 0)], levels[block], 3) << x << ", " << y;
      }
    }
  }
}

TEST(JpegReader, FindsExifBehindOtherApp1Markers) {
  const Bytes file = with_app1(with_app1(small_jpeg(), exif_body(6, true)), "http://ns.adobe.com/xap/1.0/");
  EXPECT_EQ(decode_jpeg(file, "p").width, 24);
  EXPECT_EQ(decode_jpeg(file, "p").height, 40);
}

TEST(JpegReader, RefusesEveryPrefix) {
  const Bytes small = small_jpeg();
  for (size_t length = 0; length < small.size(); ++length) {
    EXPECT_TRUE(bad_bytes(ByteView(small).first(length), "p: ")) << length;
  }
  for (const char *name : {"go_image/video-001.jpeg", "go_image/video-001.progressive.jpeg",
                           "go_image/video-001.cmyk.jpeg", "libjpeg_turbo/testimgari.jpg"}) {
    const Bytes file = load(fixture(name));
    for (size_t length = 0; length < file.size(); length += 50) {
      EXPECT_TRUE(bad_bytes(ByteView(file).first(length), "p: ")) << name << " " << length;
    }
  }
}

TEST(JpegReader, SaysThatAFileIsTruncated) {
  const Bytes file = load(fixture("go_image/video-001.jpeg"));
  EXPECT_TRUE(bad_bytes(ByteView(file).first(file.size() / 2), "p: bad JPEG: the file is truncated; expected a whole"));
  Bytes closed(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(file.size() / 2));
  closed.insert(closed.end(), {std::byte{0xFF}, std::byte{0xD9}});
  EXPECT_TRUE(bad_bytes(closed, "p: bad JPEG: Corrupt JPEG data: premature end of data segment"));
}

TEST(JpegReader, RefusesAnotherStartInThePlaceOfTheEnd) {
  Bytes file = small_jpeg();
  file.back() = std::byte{0xD8};
  EXPECT_TRUE(bad_bytes(file, "p: bad JPEG: Invalid JPEG file structure: two SOI markers"));
}

// A progressive file may end after any whole scan: the standard asks for no last refinement.
TEST(JpegReader, ReadsProgressiveFilesWithoutTheLastScans) {
  const Picture picture = read_picture(fixture("go_image/video-001.progressive.truncated.jpeg"));
  EXPECT_LT(difference(picture, read_picture(fixture("go_image/video-001.png"))), 12);
}

TEST(JpegReader, RefusesComponentsWithoutData) {
  Bytes file = encode_jpeg(random_picture(16, 16, 1, 8, 4), 90, "p");
  const size_t frame = find_marker(file, 0xC0);
  ASSERT_EQ(file[frame + 9], std::byte{1});
  file[frame + 3] = std::byte{17};
  file[frame + 9] = std::byte{3};
  const Bytes more = to_bytes(std::string("\x02\x11\x00\x03\x11\x00", 6));
  file.insert(file.begin() + static_cast<std::ptrdiff_t>(frame + 13), more.begin(), more.end());
  EXPECT_TRUE(bad_bytes(file, "p: bad JPEG: component 2 of 3 has no data"));
}

TEST(JpegReader, SurvivesChangedBytes) {
  constexpr unsigned kSeed = 20240612;
  RecordProperty("seed", static_cast<int>(kSeed));
  std::mt19937 random(kSeed);
  int read = 0, not_read = 0;
  for (const Bytes &file : {small_jpeg(), load(fixture("go_image/video-001.rgb.jpeg")),
                            load(fixture("go_image/video-001.q50.422.progressive.jpeg"))}) {
    for (int round = 0; round < 400; ++round) {
      Bytes changed = file;
      const size_t range = round % 2 == 0 ? std::min<size_t>(file.size(), 700) : file.size();
      changed[random() % range] = static_cast<std::byte>(random() % 256);
      try {
        const Picture picture = decode_picture(changed, "p");
        ASSERT_EQ(picture.samples.size(), picture.index(0, picture.height, 0));
        ++read;
      } catch (const Error &error) {
        ASSERT_EQ(error.code(), ErrorCode::bad_file) << "seed " << kSeed << " round " << round;
        ++not_read;
      }
    }
  }
  EXPECT_GT(read, 100) << "seed " << kSeed;
  EXPECT_GT(not_read, 100) << "seed " << kSeed;
}

TEST(JpegReader, RefusesOtherProcessesAndDepths) {
  Bytes file = small_jpeg();
  const size_t frame = find_marker(file, 0xC0);
  ASSERT_EQ(file[frame + 4], std::byte{8});
  file[frame + 4] = std::byte{12};
  EXPECT_TRUE(bad_bytes(file, "precision 12; expected a whole, undamaged 8-bit JPEG"));
  file[frame + 4] = std::byte{8};
  file[frame + 1] = std::byte{0xC3};
  EXPECT_TRUE(bad_bytes(file, "Unsupported JPEG process")) << "lossless";
}

TEST(JpegReader, RefusesTwoComponents) {
  const char header[] =
      "\xFF\xD8\xFF\xC0\x00\x0E\x08\x00\x10\x00\x10\x02\x01\x11\x00\x02\x11\x00"
      "\xFF\xDA\x00\x0A\x02\x01\x00\x02\x00\x00\x3F\x00";
  EXPECT_TRUE(bad_bytes(to_bytes(std::string(header, sizeof(header) - 1)), "2 components, expected 1, 3 or 4"));
}

TEST(JpegReader, CountsScans) {
  const Bytes file = load(fixture("go_image/video-001.progressive.jpeg"));
  int scans = 0;
  for (size_t i = 0; i + 1 < file.size(); ++i) {
    if (file[i] == std::byte{0xFF} && file[i + 1] == std::byte{0xDA}) ++scans;
  }
  ASSERT_GT(scans, 2);
  PictureLimits limits;
  limits.max_jpeg_scans = scans;
  EXPECT_EQ(decode_jpeg(file, "p", limits).width, 150);
  limits.max_jpeg_scans = scans - 1;
  EXPECT_TRUE(bad_bytes(file, "too many scans", limits));
}

TEST(JpegReader, HoldsItsLimitsExactly) {
  const Bytes file = small_jpeg();
  PictureLimits limits;
  limits.max_pixels = 40 * 24;
  limits.max_side = 40;
  EXPECT_EQ(decode_jpeg(file, "p", limits).width, 40);
  limits.max_pixels = 40 * 24 - 1;
  EXPECT_TRUE(bad_bytes(file, "40 x 24, expected at most 959 pixels", limits));
  limits.max_pixels = 40 * 24;
  limits.max_side = 39;
  EXPECT_TRUE(bad_bytes(file, "40 x 24, expected at most 39 a side", limits));
}

TEST(JpegReader, RefusesSizesThatTheFileCannotHold) {
  Bytes file = small_jpeg();
  const size_t frame = find_marker(file, 0xC0);
  for (const size_t at : {5, 7}) {  // 16128 x 16128
    file[frame + at] = std::byte{0x3F};
    file[frame + at + 1] = std::byte{0x00};
  }
  PictureLimits limits;
  limits.max_pixels = 1'000'000'000;
  EXPECT_TRUE(bad_bytes(file, "16128 x 16128 pixels cannot be in a file of", limits));
}

TEST(JpegReader, ReadsTheStrongestHonestCompression) {
  const Picture flat{2000, 2000, 1, 8, std::vector<uint16_t>(4'000'000, 128)};
  const Bytes file = encode_jpeg(flat, 50, "p");
  ASSERT_GT(flat.samples.size(), 80 * file.size());
  EXPECT_EQ(decode_jpeg(file, "p").samples, flat.samples);
}

TEST(JpegReader, IgnoresBytesBehindTheEnd) {
  Bytes file = small_jpeg();
  const Picture picture = decode_jpeg(file, "p");
  file.resize(file.size() + 1000, std::byte{0x5A});
  expect_same(decode_jpeg(file, "p"), picture);
}

}  // namespace
}  // namespace sluice::image_test
