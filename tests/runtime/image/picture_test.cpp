// SPDX-License-Identifier: Apache-2.0
// Picture files as a user meets them: formats by content and by extension, masks, missing and unwritable places.
#include "runtime/image/picture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/runtime/image/image_files.h"

namespace sluice::image_test {
namespace {

TEST(Picture, KnowsItsShape) {
  const Picture picture{4, 3, 2, 16, {}};
  EXPECT_EQ(picture.index(1, 2, 1), 19u);
  EXPECT_EQ((Picture{60000, 60000, 4, 8, {}}.index(59999, 59999, 3)), size_t{60000} * 60000 * 4 - 1);
  const int colours[] = {1, 1, 3, 3};
  for (int channels = 1; channels <= 4; ++channels) {
    const Picture kind{1, 1, channels, 8, {}};
    EXPECT_EQ(kind.has_alpha(), channels % 2 == 0);
    EXPECT_EQ(kind.colour_channels(), colours[channels - 1]);
  }
  EXPECT_EQ(picture.max_value(), 65535);
  EXPECT_EQ(Picture{}.max_value(), 255);
}

TEST(ReadPicture, GoesByContentNotByName) {
  const TemporaryFolder folder;
  const Picture picture = random_picture(5, 4, 3, 8, 1);
  save(folder / "png.jpg", encode_png(picture, "p"));
  save(folder / "jpeg", encode_jpeg(picture, 90, "p"));
  expect_same(read_picture(folder / "png.jpg"), picture);
  EXPECT_EQ(read_picture(folder / "jpeg").height, 4);
}

TEST(ReadPicture, RefusesWhatIsNoPicture) {
  const TemporaryFolder folder;
  const auto bad = [](const std::filesystem::path &path, const std::string &part) {
    return refused([&] { read_picture(path); }, ErrorCode::bad_file, path.string() + part);
  };
  save(folder / "text.png", to_bytes("This is text.\n"));
  EXPECT_TRUE(bad(folder / "text.png", ": neither PNG nor JPEG; expected a PNG or JPEG picture"));
  save(folder / "empty.png", {});
  EXPECT_TRUE(bad(folder / "empty.png", ": the file is empty; expected a PNG or JPEG picture"));
  EXPECT_TRUE(bad(folder.path(), ": not a regular file"));
  ASSERT_EQ(::mkfifo((folder / "pipe.png").c_str(), 0600), 0);
  EXPECT_TRUE(bad(folder / "pipe.png", ": not a regular file"));
  EXPECT_TRUE(refused([&] { read_picture(folder / "none.png"); }, ErrorCode::not_found, "none.png"));
  EXPECT_TRUE(refused([&] { read_picture(folder / "text.png" / "x.png"); }, ErrorCode::not_found, "x.png"));
}

TEST(ReadPicture, HoldsTheFileSizeLimitExactly) {
  const TemporaryFolder folder;
  const Bytes file = encode_png(random_picture(5, 4, 3, 8, 1), "p");
  save(folder / "a.png", file);
  PictureLimits limits;
  limits.max_file_bytes = file.size();
  EXPECT_EQ(read_picture(folder / "a.png", limits).width, 5);
  limits.max_file_bytes = file.size() - 1;
  EXPECT_TRUE(refused([&] { read_picture(folder / "a.png", limits); }, ErrorCode::bad_file, "bytes, expected at most"));
}

TEST(WritePicture, ChoosesTheFormatByExtension) {
  const TemporaryFolder folder;
  const Picture picture = random_picture(5, 4, 3, 8, 1);
  for (const char *name : {"a.png", "b.PNG", "c.jpg", "d.jpeg", "e.JpG"}) {
    EXPECT_TRUE(can_write(folder / name)) << name;
    write_picture(folder / name, picture);
  }
  EXPECT_EQ(folder.entries(), 5);
  EXPECT_TRUE(is_png(load(folder / "b.PNG")));
  EXPECT_TRUE(is_jpeg(load(folder / "d.jpeg")));
  EXPECT_TRUE(is_jpeg(load(folder / "e.JpG")));
  expect_same(read_picture(folder / "a.png"), picture);
}

TEST(WritePicture, RefusesUnknownExtensions) {
  const TemporaryFolder folder;
  for (const char *name : {"a.tif", "b", "c.png.bak", ".png", "d.jpg2"}) {
    EXPECT_FALSE(can_write(folder / name)) << name;
    EXPECT_TRUE(refused([&] { write_picture(folder / name, random_picture(2, 2, 1, 8, 1)); }, ErrorCode::usage,
                        "expected .png, .jpg or .jpeg"));
  }
  EXPECT_EQ(folder.entries(), 0);
}

TEST(WritePicture, PassesTheQualityOn) {
  const TemporaryFolder folder;
  const Picture picture = random_picture(32, 32, 3, 8, 2);
  write_picture(folder / "low.jpg", picture, 20);
  write_picture(folder / "default.jpg", picture);
  EXPECT_EQ(load(folder / "low.jpg"), encode_jpeg(picture, 20, "p"));
  EXPECT_EQ(load(folder / "default.jpg"), encode_jpeg(picture, 95, "p"));
}

TEST(WritePicture, LeavesNothingInPlacesItCannotWrite) {
  const TemporaryFolder folder;
  const Picture picture = random_picture(5, 4, 3, 8, 1);
  const auto fails = [&](const std::filesystem::path &path) {
    return refused([&] { write_picture(path, picture); }, ErrorCode::input_failed, path.string());
  };
  EXPECT_TRUE(fails(folder / "none" / "a.png"));
  std::filesystem::create_directory(folder / "dir.png");
  EXPECT_TRUE(fails(folder / "dir.png"));
  EXPECT_TRUE(std::filesystem::is_empty(folder / "dir.png"));
  EXPECT_TRUE(fails("/proc/self/a.png")) << "refuses new files, also those of root";
  const auto locked = folder / "locked";
  std::filesystem::create_directory(locked);
  if (::geteuid() != 0) {
    ::chmod(locked.c_str(), 0500);
    EXPECT_TRUE(fails(locked / "a.png"));
    ::chmod(locked.c_str(), 0700);
  }
  EXPECT_TRUE(std::filesystem::is_empty(locked));
  EXPECT_EQ(folder.entries(), 2);
}

// A file size limit in the place of a full disk: the write begins and cannot end.
TEST(WritePicture, KeepsTheOldFileWhenTheNewOneDoesNotFit) {
  const TemporaryFolder folder;
  const Picture old = random_picture(3, 3, 1, 8, 1);
  write_picture(folder / "a.png", old);
  rlimit saved = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &saved), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit small = saved;
  small.rlim_cur = 1000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto result = refused([&] { write_picture(folder / "a.png", random_picture(100, 100, 3, 8, 2)); },
                              ErrorCode::input_failed, "a.png: cannot write the file: write: ");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &saved), 0);
  ::signal(SIGXFSZ, handler);
  EXPECT_TRUE(result);
  expect_same(read_picture(folder / "a.png"), old);
  EXPECT_EQ(folder.entries(), 1);
}

class ReadMask : public testing::Test {
 protected:
  std::vector<uint8_t> mask_of(const Picture &picture) {
    write_picture(folder_ / "mask.png", picture);
    std::vector<uint8_t> mask = read_mask(folder_ / "mask.png", &width_, &height_);
    EXPECT_EQ(width_, picture.width);
    EXPECT_EQ(height_, picture.height);
    return mask;
  }

  TemporaryFolder folder_;
  int width_ = 0;
  int height_ = 0;
};

using Mask = std::vector<uint8_t>;

TEST_F(ReadMask, CutsAtHalfOfFullScale) {
  EXPECT_EQ(mask_of({4, 1, 1, 8, {0, 127, 128, 255}}), (Mask{0, 0, 1, 1}));
  EXPECT_EQ(mask_of({2, 2, 1, 16, {0, 32767, 32768, 65535}}), (Mask{0, 0, 1, 1}));
  EXPECT_EQ(mask_of({2, 1, 1, 16, {255, 129}}), (Mask{0, 0}));
}

TEST_F(ReadMask, TakesTheFirstChannelAndIgnoresAlpha) {
  EXPECT_EQ(mask_of({2, 1, 2, 8, {255, 0, 0, 255}}), (Mask{1, 0}));
  EXPECT_EQ(mask_of({2, 1, 3, 8, {255, 0, 0, 0, 255, 255}}), (Mask{1, 0}));
  EXPECT_EQ(mask_of({2, 1, 4, 16, {32768, 0, 0, 0, 32767, 65535, 65535, 65535}}), (Mask{1, 0}));
}

TEST_F(ReadMask, ReadsOneBitFilesAndJpeg) {
  save(folder_ / "bits.png", png_file(4, 1, 1, 0, std::string("\0\x60", 2)));
  EXPECT_EQ(read_mask(folder_ / "bits.png", &width_, &height_), (Mask{0, 1, 1, 0}));
  write_picture(folder_ / "flat.jpg", {8, 8, 3, 8, std::vector<uint16_t>(192, 250)});
  EXPECT_EQ(read_mask(folder_ / "flat.jpg", &width_, &height_), Mask(64, 1));
}

TEST_F(ReadMask, PassesErrorsAndLimitsOn) {
  EXPECT_TRUE(refused([&] { read_mask(folder_ / "none.png", &width_, &height_); }, ErrorCode::not_found, "none.png"));
  write_picture(folder_ / "a.png", random_picture(3, 3, 1, 8, 1));
  PictureLimits limits;
  limits.max_pixels = 8;
  EXPECT_TRUE(refused([&] { read_mask(folder_ / "a.png", &width_, &height_, limits); }, ErrorCode::bad_file,
                      "expected at most 8 pixels"));
}

}  // namespace
}  // namespace sluice::image_test
