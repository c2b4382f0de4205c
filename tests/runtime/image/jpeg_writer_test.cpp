// SPDX-License-Identifier: Apache-2.0
// JPEG out: fidelity, 4:4:4, dropped alpha, 16 bits to 8, refused pictures and qualities.
#include "tests/runtime/image/image_files.h"

namespace sluice::image_test {
namespace {

Picture ramp(int width, int height, int channels, int bits) {
  Picture picture{width, height, channels, bits, {}};
  picture.samples.resize(picture.index(0, height, 0));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        const int value = (x * (c + 1) + y * (3 - c)) % 256;
        picture.samples[picture.index(x, y, c)] = static_cast<uint16_t>(bits == 16 ? value * 257 : value);
      }
    }
  }
  return picture;
}

size_t find(const Bytes &file, unsigned char marker) {
  for (size_t i = 0; i + 1 < file.size(); ++i) {
    if (file[i] == std::byte{0xFF} && file[i + 1] == std::byte{marker}) return i;
  }
  return file.size();
}

TEST(JpegWriter, KeepsGreyAndColour) {
  for (const int channels : {1, 3}) {
    for (const auto &[width, height] : {std::pair{1, 1}, {17, 9}, {64, 48}}) {
      const Picture picture = ramp(width, height, channels, 8);
      const Picture back = decode_jpeg(encode_jpeg(picture, 100, "p"), "p");
      EXPECT_EQ(back.bits, 8);
      EXPECT_LT(difference(picture, back), 1.5) << channels << " channels, " << width << " x " << height;
    }
  }
}

TEST(JpegWriter, DropsAlpha) {
  for (const int channels : {2, 4}) {
    const Picture with = random_picture(16, 16, channels, 8, 3);
    Picture without{16, 16, with.colour_channels(), 8, {}};
    for (size_t i = 0; i < with.samples.size(); ++i) {
      if (i % static_cast<size_t>(channels) + 1 < static_cast<size_t>(channels)) {
        without.samples.push_back(with.samples[i]);
      }
    }
    EXPECT_EQ(encode_jpeg(with, 90, "p"), encode_jpeg(without, 90, "p"));
  }
}

TEST(JpegWriter, RoundsSixteenBits) {
  EXPECT_EQ(encode_jpeg(ramp(32, 32, 3, 16), 90, "p"), encode_jpeg(ramp(32, 32, 3, 8), 90, "p"));
  // A flat area's level survives quality 100, so the rounding of one value is seen.
  const auto level = [](uint16_t value) {
    const Picture flat{8, 8, 1, 16, std::vector<uint16_t>(64, value)};
    return decode_jpeg(encode_jpeg(flat, 100, "p"), "p").samples[0];
  };
  EXPECT_EQ(level(128), 0);
  EXPECT_EQ(level(129), 1);
  EXPECT_EQ(level(257 * 100 + 128), 100);
  EXPECT_EQ(level(257 * 100 + 129), 101);
  EXPECT_EQ(level(65535), 255);
}

TEST(JpegWriter, WritesFullColourResolution) {
  const Bytes file = encode_jpeg(ramp(16, 16, 3, 8), 50, "p");
  const size_t frame = find(file, 0xC0);
  ASSERT_LT(frame + 18, file.size());
  for (size_t c = 0; c < 3; ++c) EXPECT_EQ(file[frame + 11 + 3 * c], std::byte{0x11}) << c;
}

TEST(JpegWriter, ObeysTheQuality) {
  const Picture picture = random_picture(64, 64, 3, 8, 5);
  EXPECT_LT(encode_jpeg(picture, 30, "p").size(), encode_jpeg(picture, 95, "p").size() / 2);
  for (const int quality : {-1, 0, 101}) {
    EXPECT_TRUE(refused([&] { encode_jpeg(picture, quality, "p"); }, ErrorCode::usage, "expected 1 to 100"));
  }
  EXPECT_NO_THROW(encode_jpeg(picture, 1, "p"));
}

TEST(JpegWriter, WritesMoreThanOneBuffer) {
  const Picture picture = random_picture(300, 200, 3, 8, 6);
  const Bytes file = encode_jpeg(picture, 100, "p");
  EXPECT_GT(file.size(), 100'000u);
  EXPECT_LT(difference(decode_jpeg(file, "p"), picture), 1.5);
}

TEST(JpegWriter, RefusesWhatJpegCannotHold) {
  const Picture wide{65501, 1, 1, 8, std::vector<uint16_t>(65501)};
  EXPECT_TRUE(refused([&] { encode_jpeg(wide, 90, "p"); }, ErrorCode::input_failed, "p: cannot write as JPEG: "));
  EXPECT_TRUE(refused([] { encode_jpeg(Picture{}, 90, "p"); }, ErrorCode::usage, "p: cannot write"));
}

}  // namespace
}  // namespace sluice::image_test
