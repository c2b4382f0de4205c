// SPDX-License-Identifier: Apache-2.0
// The EXIF orientation: both byte orders, damaged segments, and each of the eight turns against a table made by hand.
#include "runtime/image/exif.h"

#include "tests/runtime/image/image_files.h"

namespace sluice::image_test {
namespace {

int orientation_of(const std::string &body) {
  // A copy of exactly this size, so that a read beyond it is seen by the address sanitizer.
  const std::vector<uint8_t> bytes(body.begin(), body.end());
  return exif_orientation(bytes);
}

TEST(Exif, ReadsTheOrientationInBothByteOrders) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    EXPECT_EQ(orientation_of(exif_body(orientation, false)), orientation);
    EXPECT_EQ(orientation_of(exif_body(orientation, true)), orientation);
  }
}

TEST(Exif, IgnoresInvalidOrientations) {
  for (const int value : {0, 9, 255, 65535}) EXPECT_EQ(orientation_of(exif_body(value, false)), 1) << value;
  EXPECT_EQ(orientation_of(exif_body(6, false, 4)), 1) << "a long instead of a short";
  EXPECT_EQ(orientation_of(exif_body(6, false, 3, 2)), 1) << "two values";
}

TEST(Exif, IgnoresWhatIsNoTiff) {
  const std::string good = exif_body(6, false);
  const auto changed = [&](size_t at, char value) {
    std::string body = good;
    body[at] = value;
    return orientation_of(body);
  };
  EXPECT_EQ(orientation_of(good), 6);
  EXPECT_EQ(changed(0, 'e'), 1) << "prefix";
  EXPECT_EQ(changed(5, 'x'), 1) << "prefix";
  EXPECT_EQ(changed(6, 'M'), 1) << "byte order IM";
  EXPECT_EQ(changed(8, 43), 1) << "magic number";
  EXPECT_EQ(changed(13, '\xFF'), 1) << "offset of the directory beyond the end";
}

TEST(Exif, SurvivesEveryPrefixAndEveryByte) {
  for (const bool big_endian : {false, true}) {
    const std::string body = exif_body(6, big_endian);
    const size_t complete = body.size() - 4 - 2;  // without the next directory's offset and the value's second half
    for (size_t length = 0; length <= body.size(); ++length) {
      EXPECT_EQ(orientation_of(body.substr(0, length)), length >= complete ? 6 : 1) << length;
    }
    for (size_t at = 0; at < body.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        std::string changed = body;
        changed[at] = static_cast<char>(value);
        const int orientation = orientation_of(changed);
        EXPECT_TRUE(orientation >= 1 && orientation <= 8) << at;
      }
    }
  }
}

TEST(Exif, TurnsPicturesUpright) {
  // Two rows "abc", "def" as stored; how a viewer has to show them.
  const std::vector<std::vector<std::string>> shown = {{"abc", "def"},     {"cba", "fed"},     {"fed", "cba"},
                                                       {"def", "abc"},     {"ad", "be", "cf"}, {"da", "eb", "fc"},
                                                       {"fc", "eb", "da"}, {"cf", "be", "ad"}};
  for (const int channels : {1, 3}) {
    Picture stored{3, 2, channels, 8, {}};
    for (const char letter : std::string("abcdef")) {
      for (int c = 0; c < channels; ++c) stored.samples.push_back(static_cast<uint16_t>(letter + 20 * c));
    }
    for (int orientation = 1; orientation <= 8; ++orientation) {
      SCOPED_TRACE(orientation);
      const auto &rows = shown[static_cast<size_t>(orientation - 1)];
      const Picture turned = turn_upright(stored, orientation);
      ASSERT_EQ(turned.width, static_cast<int>(rows[0].size()));
      ASSERT_EQ(turned.height, static_cast<int>(rows.size()));
      for (int y = 0; y < turned.height; ++y) {
        for (int x = 0; x < turned.width; ++x) {
          const int letter = rows[static_cast<size_t>(y)][static_cast<size_t>(x)];
          for (int c = 0; c < channels; ++c) EXPECT_EQ(turned.samples[turned.index(x, y, c)], letter + 20 * c);
        }
      }
    }
  }
}

TEST(Exif, LeavesPicturesAloneForInvalidOrientations) {
  const Picture picture = random_picture(3, 2, 1, 8, 1);
  for (const int orientation : {-1, 0, 9}) expect_same(turn_upright(picture, orientation), picture);
}

}  // namespace
}  // namespace sluice::image_test
