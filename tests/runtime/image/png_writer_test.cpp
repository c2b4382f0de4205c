// SPDX-License-Identifier: Apache-2.0
// PNG out: every kind and depth comes back bit for bit; impossible pictures are refused.
#include "tests/runtime/image/image_files.h"

namespace sluice::image_test {
namespace {

class PngRoundTrip : public testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(PngRoundTrip, IsBitIdentical) {
  const auto [channels, bits] = GetParam();
  const int sizes[][2] = {{1, 1}, {1, 9}, {7, 1}, {3, 5}, {17, 33}, {64, 64}, {255, 3}};
  for (const auto &[width, height] : sizes) {
    SCOPED_TRACE(testing::Message() << width << " x " << height);
    const Picture picture = random_picture(width, height, channels, bits, 7);
    expect_same(decode_png(encode_png(picture, "p"), "p"), picture);
  }
}

INSTANTIATE_TEST_SUITE_P(AllKinds, PngRoundTrip, testing::Combine(testing::Values(1, 2, 3, 4), testing::Values(8, 16)));

TEST(PngWriter, WritesExtremesOfBothDepths) {
  const Picture narrow{2, 1, 1, 8, {0, 255}};
  const Picture wide{4, 1, 1, 16, {0, 1, 256, 65535}};
  EXPECT_EQ(decode_png(encode_png(narrow, "p"), "p").samples, narrow.samples);
  EXPECT_EQ(decode_png(encode_png(wide, "p"), "p").samples, wide.samples);
}

TEST(PngWriter, StoresSixteenBitsBigEndian) {
  // Stored without filter in the file as high byte first: decoded here as two 8-bit samples.
  const Picture picture{1, 1, 1, 16, {0x1234}};
  const Bytes file = encode_png(picture, "p");
  const size_t idat = 8 + 25;
  ASSERT_EQ(std::memcmp(file.data() + idat + 4, "IDAT", 4), 0);
  std::string row(3, '\0');
  uLongf size = 3;
  ASSERT_EQ(uncompress(reinterpret_cast<Bytef *>(row.data()), &size,
                       reinterpret_cast<const Bytef *>(file.data() + idat + 8), static_cast<uLong>(file[idat + 3])),
            Z_OK);
  EXPECT_EQ(row, std::string("\0\x12\x34", 3));
}

TEST(PngWriter, ClampsEightBitSamplesThatAreTooLarge) {
  const Picture picture{2, 1, 1, 8, {256, 65535}};
  EXPECT_EQ(decode_png(encode_png(picture, "p"), "p").samples, (std::vector<uint16_t>{255, 255}));
}

TEST(PngWriter, RefusesContradictoryPictures) {
  const auto bad = [](Picture picture) {
    return refused([&] { encode_png(picture, "p"); }, ErrorCode::usage, "p: cannot write");
  };
  EXPECT_TRUE(bad(Picture{}));
  EXPECT_TRUE(bad(Picture{2, 1, 1, 8, {1}}));
  EXPECT_TRUE(bad(Picture{1, 1, 1, 8, {1, 2}}));
  EXPECT_TRUE(bad(Picture{1, 1, 5, 8, {1, 2, 3, 4, 5}}));
  EXPECT_TRUE(bad(Picture{1, 1, 0, 8, {}}));
  EXPECT_TRUE(bad(Picture{1, 1, 1, 12, {1}}));
  EXPECT_TRUE(bad(Picture{-1, -1, 1, 8, {1}}));
}

TEST(PngWriter, ReportsWhatLibpngRefuses) {
  Picture picture{1'000'001, 1, 1, 8, std::vector<uint16_t>(1'000'001)};
  EXPECT_TRUE(refused([&] { encode_png(picture, "p"); }, ErrorCode::input_failed, "p: cannot write as PNG: "));
}

}  // namespace
}  // namespace sluice::image_test
