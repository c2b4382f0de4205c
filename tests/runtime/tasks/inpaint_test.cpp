// SPDX-License-Identifier: Apache-2.0
// Filling of holes with graphs small enough to know the answer: max(x, 0) inside the hole.
#include "runtime/tasks/inpaint.h"

#include <gtest/gtest.h>

#include <atomic>

#include "runtime/graph_file.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr int kWidth = 37, kHeight = 53;
constexpr const char *kMiddleGrey = R"(
model tiny multiple=8
input image [n 3 h w] scale=1/127.5 offset=-1 order=bgr pad=edge
input mask [n 1 h w]
activation lit from image activation=relu
blend filled from lit,image,mask
output filled [n 3 h w] scale=127.5 offset=127.5 order=bgr
)";
// The way in and the way out disagree on the order, so red and blue change places inside the hole.
constexpr const char *kSwapped = R"(
model swapped
input image [n 3 h w] order=bgr
input mask [n 1 h w]
activation lit from image activation=relu
blend filled from lit,image,mask
output filled [n 3 h w] order=rgb
)";

Picture noise(int channels, int bits) {
  Picture picture{.width = kWidth, .height = kHeight, .channels = channels, .bits = bits, .samples = {}};
  picture.samples.resize(picture.index(0, kHeight, 0));
  uint32_t state = 1;
  for (uint16_t &sample : picture.samples) {
    state = state * 1664525u + 1013904223u;
    sample = static_cast<uint16_t>((state >> 16) & static_cast<uint32_t>(picture.max_value()));
  }
  return picture;
}

bool in_hole(int x, int y) { return x >= 10 && x < 25 && y >= 5 && y < 30; }

std::vector<uint8_t> hole() {
  std::vector<uint8_t> mask;
  for (int y = 0; y < kHeight; y++) {
    for (int x = 0; x < kWidth; x++) mask.push_back(in_hole(x, y) ? 1 : 0);
  }
  return mask;
}

ErrorCode code_of(const Model &model, const Picture &picture, const std::vector<uint8_t> &mask) {
  try {
    inpaint(model, picture, mask);
  } catch (const Error &error) {
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::usage;
}

class InpaintEveryKind : public testing::TestWithParam<std::pair<int, int>> {};

TEST_P(InpaintEveryKind, KeepsWhatIsKnown) {
  const auto [channels, bits] = GetParam();
  const Model model(parse_graph(kMiddleGrey, "tiny.graph"), {});
  const Picture picture = noise(channels, bits);
  const Picture filled = inpaint(model, picture, hole());
  ASSERT_EQ(filled.samples.size(), picture.samples.size());
  EXPECT_EQ(filled.bits, bits);
  const int middle = bits == 16 ? 32767 : 127;
  for (int y = 0; y < kHeight; y++) {
    for (int x = 0; x < kWidth; x++) {
      for (int c = 0; c < channels; c++) {
        const size_t at = picture.index(x, y, c);
        if (!in_hole(x, y) || c >= picture.colour_channels()) {
          ASSERT_EQ(filled.samples[at], picture.samples[at]) << x << ' ' << y << ' ' << c;
        } else if (picture.samples[at] <= middle) {
          ASSERT_EQ(filled.samples[at], middle) << x << ' ' << y << ' ' << c;
        } else {  // one lower at most: the way to -1..1 and back is rounded
          ASSERT_NEAR(filled.samples[at], picture.samples[at], 1) << x << ' ' << y << ' ' << c;
        }
      }
    }
  }
}

// What the published program does to a known sample of 8 bits: levels 1 to 63 come back one lower.
int published_level(int level) { return level >= 1 && level <= 63 ? level - 1 : level; }

TEST_P(InpaintEveryKind, RoundsWhatIsKnownAsPublished) {
  const auto [channels, bits] = GetParam();
  const Model model(parse_graph(kMiddleGrey, "tiny.graph"), {});
  const Picture picture = noise(channels, bits);
  const Picture exact = inpaint(model, picture, hole());
  const Picture rounded = inpaint(model, picture, hole(), {}, PixelArithmetic::published);
  ASSERT_EQ(rounded.samples.size(), picture.samples.size());
  for (int y = 0; y < kHeight; y++) {
    for (int x = 0; x < kWidth; x++) {
      for (int c = 0; c < channels; c++) {
        const size_t at = picture.index(x, y, c);
        if (c >= picture.colour_channels()) {
          ASSERT_EQ(rounded.samples[at], picture.samples[at]) << x << ' ' << y << ' ' << c;
        } else if (in_hole(x, y) || bits == 16) {
          ASSERT_NEAR(rounded.samples[at], exact.samples[at], 1) << x << ' ' << y << ' ' << c;
        } else {
          ASSERT_EQ(rounded.samples[at], published_level(picture.samples[at])) << x << ' ' << y << ' ' << c;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Inpaint, InpaintEveryKind,
                         testing::Values(std::pair{1, 8}, std::pair{2, 8}, std::pair{3, 8}, std::pair{4, 8},
                                         std::pair{1, 16}, std::pair{2, 16}, std::pair{3, 16}, std::pair{4, 16}));

TEST(Inpaint, AppliesTheOrderOfBothEnds) {
  const Model model(parse_graph(kSwapped, "swapped.graph"), {});
  const Picture picture = noise(3, 8);
  const Picture filled = inpaint(model, picture, hole());
  for (int c = 0; c < 3; c++) {
    EXPECT_EQ(filled.samples[picture.index(12, 7, c)], picture.samples[picture.index(12, 7, 2 - c)]);
    EXPECT_EQ(filled.samples[picture.index(2, 2, c)], picture.samples[picture.index(2, 2, c)]);
  }
}

TEST(Inpaint, EmptyMaskChangesNothing) {
  const Model model(parse_graph(kMiddleGrey, "tiny.graph"), {});
  const Picture picture = noise(3, 8);
  EXPECT_EQ(inpaint(model, picture, std::vector<uint8_t>(kWidth * kHeight, 0)).samples, picture.samples);
}

TEST(Inpaint, EmptyMaskAsPublishedOnlyRounds) {
  const Model model(parse_graph(kMiddleGrey, "tiny.graph"), {});
  const Picture picture = noise(3, 8);
  Picture expected = picture;
  for (uint16_t &sample : expected.samples) sample = static_cast<uint16_t>(published_level(sample));
  const std::vector<uint8_t> empty(kWidth * kHeight, 0);
  EXPECT_EQ(inpaint(model, picture, empty, {}, PixelArithmetic::published).samples, expected.samples);
}

TEST(Inpaint, RefusesMasksThatDoNotServe) {
  const Model model(parse_graph(kMiddleGrey, "tiny.graph"), {});
  const Picture picture = noise(3, 8);
  EXPECT_EQ(code_of(model, picture, std::vector<uint8_t>(kWidth * kHeight, 1)), ErrorCode::input_failed);
  EXPECT_EQ(code_of(model, picture, std::vector<uint8_t>(kWidth, 1)), ErrorCode::input_failed);
}

TEST(Inpaint, RefusesGraphsWithoutItsPorts) {
  const std::string text =
      "model other\ninput image [n 3 h w]\nactivation lit from image activation=relu\noutput lit [n 3 h w]\n";
  const Model model(parse_graph(text, "other.graph"), {});
  EXPECT_EQ(code_of(model, noise(3, 8), hole()), ErrorCode::usage);
}

TEST(Inpaint, StopsWhenCancelled) {
  const Model model(parse_graph(kMiddleGrey, "tiny.graph"), {});
  const std::atomic<bool> cancel{true};
  RunOptions options;
  options.cancel = &cancel;
  try {
    inpaint(model, noise(3, 8), hole(), options);
    FAIL() << "no error";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::interrupted);
  }
}

}  // namespace
}  // namespace sluice
