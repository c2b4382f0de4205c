// SPDX-License-Identifier: Apache-2.0
// Resizing: weights worked out by hand, whole results of Pillow, and what must hold for any picture.
#include "runtime/image/resample.h"

#include <gtest/gtest.h>

#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr float kRounding = 3e-5f;  // of float32 near 255, after two directions

void expect_values(const Plane &plane, int width, int height, const std::vector<float> &expected) {
  EXPECT_EQ(plane.width, width);
  EXPECT_EQ(plane.height, height);
  ASSERT_EQ(plane.values.size(), expected.size());
  for (size_t i = 0; i < expected.size(); i++) EXPECT_NEAR(plane.values[i], expected[i], kRounding) << i;
}

// Centres at 1/4, 3/4, 5/4, 7/4 of the two samples. k(1/4) = 111/128, k(3/4) = 29/128, k(5/4) = -9/128; the two weights
// that lie inside are scaled to the sum 1: -9/128 : 111/128 = -3/34 : 37/34, 29/128 : 111/128 = 29/140 : 111/140.
TEST(Resize, BicubicLargerByHand) {
  const std::vector<float> expected{-3.0f / 34, 29.0f / 140, 111.0f / 140, 37.0f / 34};
  expect_values(resize({2, 1, {0, 1}}, 4, 1, Filter::bicubic), 4, 1, expected);
  expect_values(resize({1, 2, {0, 1}}, 1, 4, Filter::bicubic), 1, 4, expected);
}

// The filter is stretched to twice its width: samples at -1/4, 1/4, 3/4, 5/4 of it; the sum inside is 242/128.
TEST(Resize, BicubicSmallerByHand) {
  expect_values(resize({4, 1, {0, 0, 0, 1}}, 2, 1, Filter::bicubic), 2, 1, {-9.0f / 242, 111.0f / 242});
  expect_values(resize({4, 1, {0, 0, 1, 0}}, 2, 1, Filter::bicubic), 2, 1, {29.0f / 242, 111.0f / 242});
}

// Pillow 13: Image.fromarray(values, mode "F").resize(...).
TEST(Resize, AgreesWithPillow) {
  const Plane small{3, 2, {0, 10, 40, 90, 160, 250}};
  expect_values(resize(small, 5, 4, Filter::bicubic), 5, 4,
                {-8.29633713f, -7.39683914f, -3.2352941f, 13.0158024f, 23.335186f,  16.9501343f, 24.609808f,
                 41.0714302f,  69.6226044f,  86.7021561f, 67.0121307f, 88.0767593f, 128.928574f, 181.869934f,
                 212.354446f,  92.2585983f,  120.083405f, 173.235291f, 238.476746f, 275.721405f});
  expect_values(resize(small, 5, 4, Filter::lanczos), 5, 4,
                {-15.098526f, -17.9645042f, -16.3216553f, -3.30312419f, 5.27113199f, 19.8071384f, 24.324379f,
                 44.930603f,  76.9125061f,  92.8699875f,  65.4756165f,  79.652626f,  125.069397f, 181.861847f,
                 207.47908f,  100.381287f,  121.941505f,  186.321655f,  262.077484f, 295.077942f});
  Plane squares{4, 3, {}};
  for (int i = 0; i < 12; i++) squares.values.push_back(static_cast<float>(i * i));
  expect_values(resize(squares, 2, 2, Filter::bicubic), 2, 2, {5.73008537f, 15.7359619f, 56.3834152f, 86.5593567f});
  expect_values(resize(squares, 2, 2, Filter::lanczos), 2, 2, {3.65605903f, 13.6433859f, 56.3745346f, 88.70961f});
}

TEST(Resize, KeepsConstantsAndSizes) {
  for (const Filter filter : {Filter::bicubic, Filter::lanczos}) {
    const Plane grey{5, 7, std::vector<float>(35, 127.5f)};
    for (const int side : {1, 2, 5, 7, 64}) {
      expect_values(resize(grey, side, side, filter), side, side,
                    std::vector<float>(static_cast<size_t>(side) * static_cast<size_t>(side), 127.5f));
    }
    const Plane some{2, 2, {1, 2, 3, 4}};
    EXPECT_EQ(resize(some, 2, 2, filter).values, some.values);
  }
}

TEST(Resize, RefusesWhatIsNoPlane) {
  EXPECT_THROW(resize({}, 2, 2, Filter::bicubic), Error);
  EXPECT_THROW(resize({2, 2, {1, 2, 3}}, 2, 2, Filter::bicubic), Error);
  EXPECT_THROW(resize({1, 1, {1}}, 0, 2, Filter::bicubic), Error);
  EXPECT_THROW(resize({1, 1, {1}}, 2, -1, Filter::lanczos), Error);
}

}  // namespace
}  // namespace sluice
