// SPDX-License-Identifier: Apache-2.0
// Pictures through the C API: the samples of the C++ path for every kind and layout of pixels, and nothing else
// written.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "runtime/tasks/depth.h"
#include "runtime/tasks/inpaint.h"
#include "tests/runtime/c_api/c_model.h"

namespace sluice {
namespace {

using testing::CModel;
using testing::load_text;

constexpr int kWidth = 13, kHeight = 9;
constexpr const char *kSmooth = R"(
model smooth multiple=8
input image [n 3 h w] scale=1/127.5 offset=-1 order=bgr pad=edge
input mask [n 1 h w]
activation lit from image activation=tanh
blend filled from lit,image,mask
output filled [n 3 h w] scale=127.5 offset=127.5 order=bgr
)";
constexpr const char *kDepth = R"(
model copy multiple=4
input image [n 3 h w] pad=edge
input lidar [n 1 h w]
activation depth from lidar activation=relu
activation seen from image activation=relu
output depth [n 1 h w]
output seen [n 3 h w]
)";

bool in_hole(int x, int y) { return x >= 3 && x < 9 && y >= 2 && y < 7; }

struct Layout {
  const char *name;
  int channels, bits;
  sluice_channel_order order;
  bool planar, upside_down, odd_rows;
};

std::string name_of(const ::testing::TestParamInfo<Layout> &info) { return info.param.name; }

// The caller's memory: every byte that is not a sample is 0xAB.
class Memory {
 public:
  Memory(const Layout &layout, const Picture &picture) : layout_(layout) {
    const int bytes = layout.bits / 8;
    pixels_.struct_size = sizeof pixels_;
    pixels_.width = picture.width;
    pixels_.height = picture.height;
    pixels_.channels = layout.channels;
    pixels_.bits = layout.bits;
    pixels_.order = layout.order;
    pixels_.pixel_stride = layout.planar ? bytes : layout.channels * bytes;
    pixels_.row_stride = pixels_.pixel_stride * picture.width + (layout.odd_rows ? 5 : 0);
    const ptrdiff_t plane = pixels_.row_stride * picture.height;
    pixels_.channel_stride = layout.planar ? plane : bytes;
    bytes_.assign(static_cast<size_t>(layout.planar ? plane * layout.channels : plane) + 1, 0xAB);
    pixels_.data = bytes_.data() + 1;
    if (layout.upside_down) {
      pixels_.data = bytes_.data() + 1 + pixels_.row_stride * (picture.height - 1);
      pixels_.row_stride = -pixels_.row_stride;
    }
    for (int y = 0; y < picture.height; y++) {
      for (int x = 0; x < picture.width; x++) {
        for (int c = 0; c < picture.channels; c++)
          std::memcpy(at(x, y, c), &picture.samples[picture.index(x, y, c)], static_cast<size_t>(bytes));
      }
    }
  }
  Memory(const Memory &) = delete;

  const sluice_pixels *pixels() const { return &pixels_; }
  std::vector<unsigned char> &bytes() { return bytes_; }

 private:
  unsigned char *at(int x, int y, int c) {
    if (layout_.order == SLUICE_BGR && layout_.channels > 2 && c < 3) c = 2 - c;
    return static_cast<unsigned char *>(pixels_.data) + x * pixels_.pixel_stride + y * pixels_.row_stride +
           c * pixels_.channel_stride;
  }

  Layout layout_;
  sluice_pixels pixels_{};
  std::vector<unsigned char> bytes_;
};

Picture noise(int channels, int bits) {
  Picture picture{.width = kWidth, .height = kHeight, .channels = channels, .bits = bits, .samples = {}};
  uint32_t state = 1;
  for (size_t i = 0; i < picture.index(0, kHeight, 0); i++) {
    state = state * 1664525u + 1013904223u;
    picture.samples.push_back(static_cast<uint16_t>((state >> 16) & static_cast<uint32_t>(picture.max_value())));
  }
  return picture;
}

// Just below half of full scale is known, half is hole.
Picture mask_picture(int bits) {
  const int half = bits == 8 ? 128 : 32768;
  Picture mask{.width = kWidth, .height = kHeight, .channels = 1, .bits = bits, .samples = {}};
  for (int y = 0; y < kHeight; y++) {
    for (int x = 0; x < kWidth; x++) mask.samples.push_back(static_cast<uint16_t>(in_hole(x, y) ? half : half - 1));
  }
  return mask;
}

std::vector<uint8_t> hole() {
  std::vector<uint8_t> mask;
  for (int y = 0; y < kHeight; y++) {
    for (int x = 0; x < kWidth; x++) mask.push_back(in_hole(x, y) ? 1 : 0);
  }
  return mask;
}

class CInpaint : public ::testing::TestWithParam<Layout> {};

TEST_P(CInpaint, HasTheSamplesOfTheCppPath) {
  const Layout &layout = GetParam();
  const Picture image = noise(layout.channels, layout.bits);
  const Picture expected = inpaint(*testing::same_in_cpp(kSmooth), image, hole());
  ASSERT_NE(expected.samples, image.samples);
  const CModel model = load_text(kSmooth);
  for (const int mask_bits : {8, 16}) {
    Memory from(layout, image), wanted(layout, expected), in_place(layout, image);
    Picture blank = image;
    std::fill(blank.samples.begin(), blank.samples.end(), uint16_t{0});
    Memory to(layout, blank);
    const Memory mask({"mask", 1, mask_bits, SLUICE_RGB, false, false, true}, mask_picture(mask_bits));
    ASSERT_EQ(sluice_inpaint(model.get(), from.pixels(), mask.pixels(), to.pixels(), nullptr), SLUICE_OK)
        << sluice_last_error();
    EXPECT_EQ(to.bytes(), wanted.bytes());
    ASSERT_EQ(sluice_inpaint(model.get(), in_place.pixels(), mask.pixels(), in_place.pixels(), nullptr), SLUICE_OK)
        << sluice_last_error();
    EXPECT_EQ(in_place.bytes(), wanted.bytes());
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, CInpaint,
                         ::testing::Values(Layout{"grey", 1, 8, SLUICE_RGB, false, false, false},
                                           Layout{"grey_alpha_16", 2, 16, SLUICE_RGB, false, false, true},
                                           Layout{"rgb", 3, 8, SLUICE_RGB, false, false, false},
                                           Layout{"bgr", 3, 8, SLUICE_BGR, false, false, true},
                                           Layout{"rgba_planar_16", 4, 16, SLUICE_RGB, true, false, false},
                                           Layout{"bgra_upside_down", 4, 8, SLUICE_BGR, false, true, true},
                                           Layout{"bgr_planar", 3, 8, SLUICE_BGR, true, false, false}),
                         name_of);

class CPictureErrors : public ::testing::Test {
 protected:
  CModel model_ = load_text(kSmooth);
  std::vector<unsigned char> image_ = std::vector<unsigned char>(3 * kWidth * kHeight, 9), mask_, result_ = image_;
  sluice_pixels image_view_ = view(image_, 3), mask_view_{}, result_view_ = view(result_, 3);

  CPictureErrors() : mask_(hole()) {
    for (unsigned char &value : mask_) value = value != 0 ? 255 : 0;
    mask_view_ = view(mask_, 1);
  }

  static sluice_pixels view(std::vector<unsigned char> &bytes, int channels) {
    sluice_pixels pixels{};
    pixels.struct_size = sizeof pixels;
    pixels.data = bytes.data();
    pixels.width = kWidth;
    pixels.height = kHeight;
    pixels.channels = channels;
    pixels.bits = 8;
    return pixels;
  }

  void expect(sluice_status status, const char *message) {
    result_.assign(result_.size(), 77);
    EXPECT_EQ(sluice_inpaint(model_.get(), &image_view_, &mask_view_, &result_view_, nullptr), status);
    EXPECT_NE(std::strstr(sluice_last_error(), message), nullptr) << sluice_last_error();
    EXPECT_EQ(result_, std::vector<unsigned char>(result_.size(), 77)) << "a call that failed has written";
  }
};

TEST_F(CPictureErrors, Pixels) {
  image_view_.data = nullptr;
  expect(SLUICE_ERROR_USAGE, "image: its memory is null");
  image_view_.data = image_.data();
  image_view_.bits = 12;
  expect(SLUICE_ERROR_USAGE, "image: 12 bits, expected 8 or 16");
  image_view_.bits = 8;
  for (const int channels : {0, 5}) {
    image_view_.channels = channels;
    expect(SLUICE_ERROR_USAGE, "expected 1 to 4");
  }
  image_view_.channels = 3;
  for (const int width : {0, -1, 70000}) {
    image_view_.width = width;
    expect(SLUICE_ERROR_USAGE, "expected sides of 1 to 65500");
  }
  image_view_.width = 65500, image_view_.height = 65500;
  expect(SLUICE_ERROR_USAGE, "at most 256000000 pixels");
  image_view_.width = kWidth, image_view_.height = kHeight;
  image_view_.order = 3;
  expect(SLUICE_ERROR_USAGE, "sluice_channel_order");
  image_view_.order = SLUICE_RGB;
  image_view_.struct_size = 0;
  expect(SLUICE_ERROR_USAGE, "struct_size is 0");
}

TEST_F(CPictureErrors, Fitting) {
  mask_view_.height--;
  expect(SLUICE_ERROR_USAGE, "mask: 13 x 8, 1 channels of 8 bits, expected 13 x 9");
  mask_view_.height++;
  result_view_.channels = 1;
  expect(SLUICE_ERROR_USAGE, "result: 13 x 9, 1 channels of 8 bits, expected 13 x 9, 3 channels");
  result_view_.channels = 3;
  mask_.assign(mask_.size(), 255);
  expect(SLUICE_ERROR_INPUT, "covers the whole picture");
}

TEST_F(CPictureErrors, Calls) {
  EXPECT_EQ(sluice_inpaint(nullptr, &image_view_, &mask_view_, &result_view_, nullptr), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_inpaint(model_.get(), nullptr, &mask_view_, &result_view_, nullptr), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_inpaint(model_.get(), &image_view_, nullptr, &result_view_, nullptr), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_inpaint(model_.get(), &image_view_, &mask_view_, nullptr, nullptr), SLUICE_ERROR_USAGE);
  const CModel other = load_text(testing::kReluGraph);
  EXPECT_EQ(sluice_inpaint(other.get(), &image_view_, &mask_view_, &result_view_, nullptr), SLUICE_ERROR_USAGE);
  EXPECT_NE(std::strstr(sluice_last_error(), "cannot fill pictures"), nullptr) << sluice_last_error();
}

TEST_F(CPictureErrors, Cancelled) {
  sluice_cancellation *cancellation = nullptr;
  ASSERT_EQ(sluice_cancellation_create(&cancellation), SLUICE_OK);
  sluice_cancellation_cancel(cancellation);
  sluice_run_options options{};
  options.struct_size = sizeof options;
  options.cancellation = cancellation;
  EXPECT_EQ(sluice_inpaint(model_.get(), &image_view_, &mask_view_, &result_view_, &options), SLUICE_CANCELLED);
  sluice_cancellation_free(cancellation);
}

TEST(CDepth, HasTheSamplesOfTheCppPath) {
  const Picture image = noise(3, 8), sparse = noise(1, 16);
  const Picture expected = complete_depth(*testing::same_in_cpp(kDepth), image, sparse, true);
  const CModel model = load_text(kDepth);
  const Layout colours{"rgb", 3, 8, SLUICE_RGB, false, false, true}, grey{"grey", 1, 16, SLUICE_RGB, false, true, true};
  Memory picture(colours, image), samples(grey, sparse), to(grey, sparse), wanted(grey, expected);
  ASSERT_EQ(sluice_complete_depth(model.get(), picture.pixels(), samples.pixels(), to.pixels(), 1, nullptr), SLUICE_OK)
      << sluice_last_error();
  EXPECT_EQ(to.bytes(), wanted.bytes());
  EXPECT_EQ(sluice_complete_depth(model.get(), picture.pixels(), picture.pixels(), to.pixels(), 0, nullptr),
            SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_complete_depth(model.get(), picture.pixels(), samples.pixels(), picture.pixels(), 0, nullptr),
            SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_complete_depth(nullptr, picture.pixels(), samples.pixels(), to.pixels(), 0, nullptr),
            SLUICE_ERROR_USAGE);
}

}  // namespace
}  // namespace sluice
