// SPDX-License-Identifier: Apache-2.0
// Batches: the same however many threads make them, every file once an epoch, windows, flips, files that cannot be
// read.
#include "runtime/trainer/batches.h"

#include <cmath>
#include <set>

#include "runtime/trainer/batch_loader.h"
#include "tests/runtime/trainer/trainer_support.h"
#include "tests/support/message_of.h"

namespace sluice::testing {
namespace {

// A picture whose every sample says which file it is.
void save_marked(const std::filesystem::path &file, int mark, int width = 24, int height = 20) {
  Picture picture{width, height, 3, 8, {}};
  for (int i = 0; i < width * height; i++) {
    for (const int c : {0, 1, 2}) picture.samples.push_back(static_cast<uint16_t>(mark + c * 50));
  }
  write_picture(file, picture);
}

Recipe files_recipe(const std::string &keys = "") {
  return parse_recipe("recipe files\nnetwork g graph=g\ndata pictures size=16 batch=4 " + keys +
                          "\nmask rectangle size=8 delta=0\nstep s trains=g\nlearning_rate constant 1\nend\n",
                      "files.recipe");
}

std::vector<int> marks_of(const TensorMap &batch) {
  std::vector<int> marks;
  const StoredTensor &image = batch.at("image");
  for (int64_t n = 0; n < image.shape[0]; n++) marks.push_back(static_cast<int>(image.f32()[n * 3 * 16 * 16]));
  return marks;
}

TEST(Batches, EveryFileOnceAnEpoch) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "b" / "c");
  for (int i = 0; i < 12; i++)
    save_marked(folder.path() / (i % 2 == 0 ? "b/c" : ".") / ("p" + std::to_string(i) + (i < 6 ? ".png" : ".PNG")),
                10 + i);
  const BatchSource source(files_recipe(), folder.path(), 1, nullptr);
  EXPECT_EQ(source.files(), 12u);
  std::vector<std::vector<int>> epochs;
  for (uint64_t epoch = 0; epoch < 2; epoch++) {
    std::vector<int> marks;
    for (uint64_t b = 0; b < 3; b++) {
      for (const int mark : marks_of(source.batch("train", epoch * 3 + b, "rgb"))) marks.push_back(mark);
    }
    EXPECT_EQ(std::set<int>(marks.begin(), marks.end()).size(), 12u);
    epochs.push_back(marks);
  }
  EXPECT_NE(epochs[0], epochs[1]);
}

TEST(Batches, AreTheSameForAnyNumberOfThreads) {
  const TemporaryFolder folder;
  for (int i = 0; i < 7; i++) save_marked(folder / (std::to_string(i) + ".png"), 10 + i, 30 + i, 40 - i);
  const Recipe recipe = files_recipe("flip=true shorter=18,30 mask_per=sample");
  std::vector<std::vector<TensorMap>> runs;
  for (const int threads : {1, 4}) {
    const BatchSource source(recipe, folder.path(), 5, nullptr);
    BatchLoader loader([&](uint64_t number) { return source.batch("train", number, "bgr"); }, 3, threads, 2);
    runs.emplace_back();
    for (int i = 0; i < 12; i++) runs.back().push_back(loader.next());
  }
  for (size_t i = 0; i < runs[0].size(); i++) EXPECT_TRUE(runs[0][i] == runs[1][i]) << i;
  const BatchSource source(recipe, folder.path(), 5, nullptr);
  EXPECT_TRUE(source.batch("train", 3, "bgr") == runs[0][0]);  // the loader began with number 3
}

TEST(Batches, OrdersChannelsAndSharesMasks) {
  const TemporaryFolder folder;
  save_marked(folder / "a.png", 60);
  const BatchSource source(files_recipe(), folder.path(), 1, nullptr);
  const TensorMap rgb = source.batch("train", 0, "rgb"), bgr = source.batch("train", 0, "bgr");
  EXPECT_EQ(rgb.at("image").shape, (std::vector<int64_t>{4, 3, 16, 16}));
  EXPECT_EQ(rgb.at("mask").shape, (std::vector<int64_t>{1, 1, 16, 16}));
  for (const int c : {0, 1, 2}) {
    EXPECT_EQ(rgb.at("image").f32()[c * 256], static_cast<float>(60 + 50 * c));
    EXPECT_EQ(bgr.at("image").f32()[(2 - c) * 256], static_cast<float>(60 + 50 * c));
  }
  float holes = 0;
  for (int i = 0; i < 256; i++) holes += rgb.at("mask").f32()[i];
  EXPECT_EQ(holes, 64);
}

// Samples that rise along x: a window shows where it was taken, and whether it was turned.
TEST(Batches, WindowsAreInsideAndSomeAreFlipped) {
  const TemporaryFolder folder;
  Picture ramp{64, 16, 1, 8, {}};
  for (int i = 0; i < 64 * 16; i++) ramp.samples.push_back(static_cast<uint16_t>(i % 64));
  write_picture(folder / "ramp.png", ramp);
  const BatchSource source(files_recipe("flip=true"), folder.path(), 1, nullptr);
  std::set<int> places;
  int flipped = 0;
  for (uint64_t b = 0; b < 50; b++) {
    const TensorMap batch = source.batch("train", b, "rgb");
    for (int n = 0; n < 4; n++) {
      const float *row = batch.at("image").f32() + n * 3 * 256;
      const bool turned = row[0] > row[15];
      flipped += turned;
      places.insert(static_cast<int>(turned ? row[15] : row[0]));
      ASSERT_EQ(std::abs(row[15] - row[0]), 15);
    }
  }
  EXPECT_EQ(*places.begin(), 0);
  EXPECT_EQ(*places.rbegin(), 48);
  EXPECT_GT(flipped, 70);  // of 200: 7 standard deviations around 100 are 50 to 150
  EXPECT_LT(flipped, 130);
}

TEST(Batches, ScaleWholePicturesAndSmallOnes) {
  const TemporaryFolder folder;
  save_marked(folder / "small.png", 60, 9, 5);
  for (const char *keys : {"crop=whole", "crop=centre", "crop=random"}) {
    const BatchSource source(files_recipe(keys), folder.path(), 1, nullptr);
    const TensorMap batch = source.batch("train", 0, "rgb");
    for (int i = 0; i < 256; i++) ASSERT_NEAR(batch.at("image").f32()[i], 60, 1e-3) << keys;
  }
}

TEST(Batches, ReportAFileThatCannotBeReadOnceAndLeaveItOut) {
  const TemporaryFolder folder;
  save_marked(folder / "good1.png", 20);
  save_marked(folder / "good2.png", 21);
  image_test::save(folder / "bad.png", image_test::to_bytes("no picture"));
  std::vector<std::string> reports;
  const BatchSource source(files_recipe(), folder.path(), 1, [&](const std::string &text) { reports.push_back(text); });
  for (uint64_t b = 0; b < 6; b++) {
    for (const int mark : marks_of(source.batch("train", b, "rgb"))) EXPECT_TRUE(mark == 20 || mark == 21) << mark;
  }
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_NE(reports[0].find("bad.png"), std::string::npos);
}

TEST(Batches, AFolderOfBadPicturesIsAnError) {
  const TemporaryFolder folder;
  for (const char *name : {"a.png", "b.jpg"}) image_test::save(folder / name, image_test::to_bytes("no picture"));
  const BatchSource source(files_recipe(), folder.path(), 1, nullptr);
  for (int i = 0; i < 2; i++)
    EXPECT_NE(message_of([&] { source.batch("train", 0, "rgb"); }).find("none of its 2 pictures can be read"),
              std::string::npos);
}

TEST(Batches, ReadListsAndRefuseWhatIsNotThere) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "in");
  save_marked(folder / "in" / "x.png", 33);
  save_marked(folder / "y.png", 34);
  image_test::save(folder / "list.txt", image_test::to_bytes("in/x.png\r\n\n" + (folder / "y.png").string() + "\n"));
  const BatchSource source(files_recipe(), folder / "list.txt", 1, nullptr);
  EXPECT_EQ(source.files(), 2u);
  const std::vector<int> marks = marks_of(source.batch("train", 0, "rgb"));
  EXPECT_EQ(std::set<int>(marks.begin(), marks.end()), (std::set<int>{33, 34}));
  const auto refusal = [&](const std::string &name) {
    return message_of([&] { BatchSource(files_recipe(), folder / name, 1, nullptr); });
  };
  EXPECT_NE(refusal("absent").find("no such folder or list"), std::string::npos);
  std::filesystem::create_directories(folder / "empty");
  EXPECT_NE(refusal("empty").find("no .png, .jpg or .jpeg in it"), std::string::npos);
  image_test::save(folder / "nothing.txt", image_test::to_bytes("\n \n"));
  EXPECT_NE(refusal("nothing.txt").find("names no picture"), std::string::npos);
}

TEST(BatchLoader, HandsOnWhatWentWrongAndStops) {
  BatchLoader loader(
      [](uint64_t number) -> TensorMap {
        if (number == 2) throw Error(ErrorCode::input_failed, "number 2");
        return {};
      },
      0, 3, 2);
  loader.next();
  loader.next();
  EXPECT_EQ(message_of([&] { loader.next(); }), "number 2");
  loader.next();
  EXPECT_GE(loader.waited_s(), 0);
}

}  // namespace
}  // namespace sluice::testing
