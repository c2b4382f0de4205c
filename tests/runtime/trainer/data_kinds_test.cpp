// SPDX-License-Identifier: Apache-2.0
// Kinds of data besides pictures: the same samples for any number of threads, files read as they are laid out, computed
// samples that hold together.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "runtime/trainer/batch_loader.h"
#include "runtime/trainer/batches.h"
#include "runtime/trainer/clip_data.h"
#include "runtime/trainer/depth_data.h"
#include "runtime/trainer/edges.h"
#include "runtime/trainer/steerable_data.h"
#include "runtime/trainer/stereo_data.h"
#include "runtime/trainer/video_data.h"
#include "tests/runtime/trainer/trainer_support.h"
#include "tests/support/message_of.h"

namespace sluice::testing {
namespace {

namespace fs = std::filesystem;

Recipe data_recipe(const std::string &data, bool masks = false) {
  return parse_recipe("recipe r\nnetwork g graph=g\ndata " + data + "\n" +
                          (masks ? "mask rectangle size=6 delta=0\n" : "") +
                          "step s trains=g\nlearning_rate constant 1\nend\n",
                      "r.recipe");
}

TensorMap batch_of(const std::string &data, const fs::path &files = {}, uint64_t number = 0) {
  return BatchSource(data_recipe(data), files, 1, nullptr).batch("train", number, "rgb");
}

double mean_of(const StoredTensor &tensor) {
  return std::accumulate(tensor.f32(), tensor.f32() + tensor.elements(), 0.0) / static_cast<double>(tensor.elements());
}

void save_grey(const fs::path &file, int width, int height, int bits, const std::function<int(int, int)> &value) {
  fs::create_directories(file.parent_path());
  Picture picture{width, height, 1, bits, {}};
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++) picture.samples.push_back(static_cast<uint16_t>(value(x, y)));
  }
  write_picture(file, picture);
}

TEST(DataKinds, ComputedSamplesAreTheSameForAnyNumberOfThreadsAndOthersForOtherNumbers) {
  const std::pair<const char *, bool> lines[] = {
      {"depth size=16,32 batch=3 flip=true jitter=0.1", false},  {"steerable size=16 batch=3 flip=true", false},
      {"video size=16 batch=3 frames_in=2 frames_out=3", false}, {"stereo size=16,24 batch=3", false},
      {"clips size=16 batch=3 frames=4 holes=moving", true},     {"procedural size=16 batch=3 edges=true", true}};
  for (const auto &[line, masks] : lines) {
    const Recipe recipe = data_recipe(line, masks);
    std::vector<std::vector<TensorMap>> runs;
    for (const int threads : {1, 3}) {
      const BatchSource source(recipe, {}, 5, nullptr);
      BatchLoader loader([&](uint64_t number) { return source.batch("train", number, "rgb"); }, 2, threads, 2);
      runs.emplace_back();
      for (int i = 0; i < 5; i++) runs.back().push_back(loader.next());
    }
    EXPECT_TRUE(runs[0] == runs[1]) << line;
    const BatchSource source(recipe, {}, 5, nullptr);
    EXPECT_EQ(source.files(), 0u);
    EXPECT_TRUE(source.batch("train", 2, "rgb") == runs[0][0]) << line;
    for (const DataTensor &tensor : recipe.data.kind->tensors()) {
      const StoredTensor &values = runs[0][0].at(tensor.name);
      EXPECT_EQ(values.shape.size(), tensor.shape.size() + 1) << line;
      EXPECT_EQ(values.shape[0], tensor.one_a_batch ? 1 : 3) << line << tensor.name;
      const bool other = std::any_of(runs[0].begin() + 1, runs[0].end(),
                                     [&](const TensorMap &batch) { return !(batch.at(tensor.name) == values); });
      EXPECT_TRUE(other || tensor.name == "valid") << line << " " << tensor.name;
      EXPECT_TRUE(
          std::all_of(values.f32(), values.f32() + values.elements(), [](float v) { return std::isfinite(v); }));
    }
    EXPECT_FALSE(source.batch("validation", 2, "rgb") == runs[0][0]) << line;
  }
}

TEST(DataKinds, MasksBelongToKindsThatHaveHoles) {
  EXPECT_NE(message_of([] { data_recipe("depth size=16", true); }).find("this kind of data has no masks"),
            std::string::npos);
  EXPECT_NE(message_of([] { data_recipe("clips size=16 holes=still"); }).find("there is no 'mask' line"),
            std::string::npos);
  EXPECT_NE(message_of([] { data_recipe("stereo size=16 flip=true"); }).find("a mirrored pair is none"),
            std::string::npos);
}

// ---- depth

// Lidar and depth of x + 8 y metres, the picture's red x; everything 40 by 24.
void save_frame(const fs::path &image, const fs::path &lidar, const fs::path &depth) {
  save_grey(lidar, 40, 24, 16, [](int x, int y) { return x % 4 == 0 ? 256 * (x + 8 * y) : 0; });
  save_grey(depth, 40, 24, 16, [](int x, int y) { return 256 * (x + 8 * y); });
  save_grey(image, 40, 24, 8, [](int x, int) { return x; });
}

void expect_cut(const TensorMap &batch, int left, int top) {
  const StoredTensor &depth = batch.at("depth"), &lidar = batch.at("lidar"), &valid = batch.at("valid"),
                     &image = batch.at("image");
  for (int y = 0; y < 16; y++) {
    for (int x = 0; x < 32; x++) {
      const float metres = static_cast<float>(left + x + 8 * (top + y));
      const int p = y * 32 + x;
      ASSERT_EQ(depth.f32()[p], metres);
      ASSERT_EQ(lidar.f32()[p], (left + x) % 4 == 0 ? metres : 0);
      ASSERT_EQ(valid.f32()[p], metres > 0 ? 1 : 0);
      ASSERT_NEAR(image.f32()[p], (static_cast<float>(left + x) - 90.995f) / 79.2382f, 1e-6);
    }
  }
}

TEST(DepthData, ReadsKittisTree) {
  const TemporaryFolder folder;
  const std::string drive = "2011_09_26_drive_0001_sync";
  const fs::path frame = "0000000005.png";
  for (const char *camera : {"image_02", "image_03"}) {
    save_frame(folder.path() / "raw/2011_09_26" / drive / camera / "data" / frame,
               folder.path() / "data_depth_velodyne/train" / drive / "proj_depth/velodyne_raw" / camera / frame,
               folder.path() / "data_depth_annotated/train" / drive / "proj_depth/groundtruth" / camera / frame);
  }
  const Recipe recipe = data_recipe("depth size=16,32 batch=1");
  const BatchSource source(recipe, folder.path(), 1, nullptr);
  EXPECT_EQ(source.files(), 2u);
  for (const uint64_t number : {0, 1}) expect_cut(source.batch("train", number, "rgb"), 4, 8);  // bottom, centre
}

TEST(DepthData, ReadsFoldersAndLists) {
  const TemporaryFolder folder;
  save_frame(folder / "image" / "a.png", folder / "velodyne_raw" / "b.png", folder / "groundtruth_depth" / "c.png");
  expect_cut(batch_of("depth size=16,32 batch=1", folder.path()), 4, 8);
  image_test::save(folder / "list.txt",
                   image_test::to_bytes("image/a.png velodyne_raw/b.png groundtruth_depth/c.png\n"));
  expect_cut(batch_of("depth size=16,32 batch=1", folder / "list.txt"), 4, 8);
  save_grey(folder / "image" / "d.png", 40, 24, 8, [](int, int) { return 0; });
  EXPECT_NE(
      message_of([&] { batch_of("depth size=16,32", folder.path()); }).find("2 pictures, 1 lidar and 1 depth maps"),
      std::string::npos);
  image_test::save(folder / "list.txt", image_test::to_bytes("image/a.png velodyne_raw/b.png\n"));
  EXPECT_NE(message_of([&] { batch_of("depth size=16,32", folder / "list.txt"); }).find("three paths a line"),
            std::string::npos);
}

TEST(DepthData, FlipsAllAndMovesWindows) {
  const TemporaryFolder folder;
  save_frame(folder / "image" / "a.png", folder / "lidar" / "a.png", folder / "depth" / "a.png");
  std::set<int> corners;
  int flipped = 0;
  const BatchSource source(data_recipe("depth size=16,32 batch=1 flip=true crop=random"), folder.path(), 1, nullptr);
  for (uint64_t number = 0; number < 40; number++) {
    const TensorMap batch = source.batch("train", number, "rgb");
    const float *depth = batch.at("depth").f32(), *image = batch.at("image").f32();
    const bool turned = depth[0] > depth[1];
    flipped += turned;
    EXPECT_EQ(turned, image[0] > image[1]);
    corners.insert(static_cast<int>(depth[turned ? 31 : 0]));
  }
  EXPECT_GT(flipped, 8);
  EXPECT_LT(flipped, 32);
  EXPECT_GT(corners.size(), 15u);  // of 9 * 9
}

TEST(DepthData, LeavesOutWhatDoesNotFit) {
  const TemporaryFolder folder;
  for (const char *name : {"a.png", "b.png"})
    save_frame(folder / "image" / name, folder / "lidar" / name, folder / "depth" / name);
  save_grey(folder / "lidar" / "b.png", 40, 20, 16, [](int, int) { return 512; });
  std::vector<std::string> reports;
  const BatchSource source(data_recipe("depth size=16,32 batch=2"), folder.path(), 1,
                           [&](const std::string &text) { reports.push_back(text); });
  for (uint64_t number = 0; number < 3; number++) source.batch("train", number, "rgb");
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_NE(reports[0].find("expected 40x24 as the picture has, got 40x20"), std::string::npos) << reports[0];
  EXPECT_NE(message_of([&] { batch_of("depth size=32", folder.path()); }).find("none of its 2 depth maps can be read"),
            std::string::npos);
}

TEST(DepthData, ComputedScenesHaveSparseSamplesOfTheirDepth) {
  for (uint64_t number = 0; number < 4; number++) {
    const TensorMap batch = batch_of("depth size=64,96 batch=1", {}, number);
    const StoredTensor &depth = batch.at("depth"), &lidar = batch.at("lidar");
    int sampled = 0;
    for (int p = 0; p < 64 * 96; p++) {
      ASSERT_GE(depth.f32()[p], 2);
      ASSERT_LE(depth.f32()[p], 60);
      if (lidar.f32()[p] == 0) continue;
      ASSERT_EQ(lidar.f32()[p], depth.f32()[p]);
      sampled++;
    }
    EXPECT_GT(sampled, 64 * 96 / 40);
    EXPECT_LT(sampled, 64 * 96 / 8);
    EXPECT_EQ(mean_of(batch.at("valid")), 1);
  }
}

// ---- steerable filters

TEST(SteerableData, IsTheSumThatItSays) {
  const TensorMap batch = batch_of("steerable size=16,12 batch=2");
  for (int n = 0; n < 2; n++) {
    const float *image = batch.at("image").f32() + n * 192, *filtered = batch.at("filtered").f32() + n * 192;
    const double theta = batch.at("theta").f32()[n * 192];
    EXPECT_EQ(theta, batch.at("theta").f32()[n * 192 + 191]);
    for (int y = 0; y < 16; y++) {
      for (int x = 0; x < 12; x++) {
        double sum = 0;
        for (int j = -4; j <= 4; j++) {
          for (int i = -4; i <= 4; i++) {
            if (x + i < 0 || x + i >= 12 || y + j < 0 || y + j >= 16) continue;
            const double tap = std::exp(-(i * i + j * j) / 2.0) * (-i * std::cos(theta) - j * std::sin(theta));
            sum += tap * image[(y + j) * 12 + x + i];
          }
        }
        ASSERT_NEAR(filtered[y * 12 + x], sum, 1e-5);
      }
    }
  }
  EXPECT_NE(batch.at("theta").f32()[0], batch.at("theta").f32()[192]);
}

// ---- video, stereo, clips

TEST(VideoData, ComputedDigitsMoveOn) {
  for (uint64_t number = 0; number < 3; number++) {
    const TensorMap batch = batch_of("video size=64 batch=1 frames_in=3 frames_out=3 digits=1", {}, number);
    std::vector<const float *> frames;
    for (const char *name : {"frames", "future"}) {
      for (int t = 0; t < 3; t++) frames.push_back(batch.at(name).f32() + t * 4096);
    }
    for (size_t t = 0; t < frames.size(); t++) {
      double ink = 0, moved = 0, before = 0;
      for (int p = 0; p < 4096; p++) {
        ASSERT_GE(frames[t][p], 0);
        ASSERT_LE(frames[t][p], 1);
        ink += frames[t][p];
        if (t > 0) moved += std::fabs(frames[t][p] - frames[t - 1][p]), before += frames[t - 1][p];
      }
      EXPECT_GT(ink, 40);
      if (t == 0) continue;
      EXPECT_NEAR(ink, before, 0.2 * before);  // nothing comes or goes
      EXPECT_GT(moved, 0.05 * ink);
    }
  }
}

TEST(VideoData, ReadsFoldersOfFramesInOrder) {
  const TemporaryFolder folder;
  for (int t = 0; t < 6; t++)
    save_grey(folder / "clip" / (std::to_string(t) + ".png"), 16, 16, 8, [&](int, int) { return 40 * t; });
  save_grey(folder / "short" / "0.png", 16, 16, 8, [](int, int) { return 0; });
  std::vector<std::string> reports;
  const BatchSource source(data_recipe("video size=16 batch=2 frames_in=2 frames_out=3"), folder.path(), 1,
                           [&](const std::string &text) { reports.push_back(text); });
  EXPECT_EQ(source.files(), 2u);
  const TensorMap batch = source.batch("train", 0, "rgb");
  for (int n = 0; n < 2; n++) {
    const float first = batch.at("frames").f32()[n * 512] * 255;
    for (int t = 0; t < 5; t++) {
      const float *frame =
          t < 2 ? batch.at("frames").f32() + (n * 2 + t) * 256 : batch.at("future").f32() + (n * 3 + t - 2) * 256;
      EXPECT_NEAR(frame[0] * 255, first + 40.0f * static_cast<float>(t), 1e-3);
    }
  }
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_NE(reports[0].find("1 frames, fewer than 5"), std::string::npos);
}

TEST(StereoData, TheWallOfTheRightPictureIsThatOfTheLeftOneShifted) {
  // With one disparity for everything the right picture is the left one, shifted.
  const TensorMap batch = batch_of("stereo size=24,32 batch=1 disparity=4,4");
  const float *left = batch.at("left").f32(), *right = batch.at("right").f32();
  for (int y = 0; y < 24; y++) {
    for (int x = 0; x < 28; x++) ASSERT_EQ(right[y * 32 + x], left[y * 32 + x + 4]);
  }
  const TensorMap other = batch_of("stereo size=24,32 batch=1 disparity=0,6");
  EXPECT_FALSE(other.at("left") == other.at("right"));
}

TEST(StereoData, ReadsPairs) {
  const TemporaryFolder folder;
  for (const char *side : {"left", "right"})
    save_grey(folder / side / "a.png", 20, 20, 8, [&](int x, int) { return x + (side[0] == 'r' ? 100 : 0); });
  const TensorMap batch = batch_of("stereo size=16 batch=1", folder.path());
  for (int p = 0; p < 256; p++) ASSERT_NEAR(batch.at("right").f32()[p] - batch.at("left").f32()[p], 100 / 255.0, 1e-5);
  save_grey(folder / "right" / "b.png", 20, 20, 8, [](int, int) { return 0; });
  EXPECT_NE(message_of([&] { batch_of("stereo size=16", folder.path()); }).find("1 left and 2 right pictures"),
            std::string::npos);
}

TEST(ClipData, ClassesAreFoldersInOrder) {
  const TemporaryFolder folder;
  const std::pair<const char *, int> classes[] = {{"ape", 10}, {"bee", 60}, {"cow", 110}};
  for (const auto &[name, grey] : classes) {
    for (const char *clip : {"one", "two"}) {
      for (const char *frame : {"0.png", "1.png"})
        save_grey(folder.path() / name / clip / frame, 16, 16, 8, [grey = grey](int, int) { return grey; });
    }
  }
  const BatchSource source(data_recipe("clips size=16 batch=6 frames=2"), folder.path(), 1, nullptr);
  const TensorMap batch = source.batch("train", 0, "rgb");
  EXPECT_EQ(batch.at("clip").shape, (std::vector<int64_t>{6, 3, 2, 16, 16}));
  EXPECT_EQ(batch.at("label").shape, (std::vector<int64_t>{6}));
  std::multiset<int> labels;
  for (int n = 0; n < 6; n++) {
    const auto label = static_cast<int>(batch.at("label").f32()[n]);
    labels.insert(label);
    EXPECT_NEAR(batch.at("clip").f32()[n * 3 * 512], (10 + 50 * label) / 127.5 - 1, 1e-5);
  }
  EXPECT_EQ(labels, (std::multiset<int>{0, 0, 1, 1, 2, 2}));
}

TEST(ClipData, HolesStandStillOrMove) {
  for (const bool moving : {false, true}) {
    const Recipe recipe =
        data_recipe(std::string("clips size=16 batch=4 frames=5 holes=") + (moving ? "moving" : "still"), true);
    const TensorMap batch = BatchSource(recipe, {}, 1, nullptr).batch("train", 0, "rgb");
    const StoredTensor &mask = batch.at("mask");
    EXPECT_EQ(mask.shape, (std::vector<int64_t>{4, 1, 5, 16, 16}));
    bool moved = false;
    for (int plane = 0; plane < 20; plane++) {
      const float *values = mask.f32() + plane * 256, *first = mask.f32() + plane / 5 * 5 * 256;
      EXPECT_EQ(std::accumulate(values, values + 256, 0.0f), 36);
      moved |= !std::equal(values, values + 256, first);
    }
    EXPECT_EQ(moved, moving);
  }
}

// What moves is found by its difference to the ground: the first and the last frame of a still ground.
TEST(ClipData, ComputedClipsMoveAsTheirLabelSays) {
  constexpr int kSide = 32, kFrames = 8, kPixels = kSide * kSide;
  std::vector<float> clip(3 * kFrames * kPixels);
  const std::pair<double, double> ways[] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
  for (int64_t label = 0; label < 4; label++) {
    Draws draws(3, "clip", static_cast<uint64_t>(label));
    compute_clip(kSide, kSide, kFrames, label, 4, draws, clip.data());
    const float *first = clip.data(), *last = first + (kFrames - 1) * kPixels;
    const auto ground = [&](int x, int y) {  // between opposite corners, which the body does not reach
      const double part = (x + y) / (2.0 * (kSide - 1));
      return first[0] + (first[kPixels - 1] - first[0]) * part;
    };
    double along = 0;
    const auto middle = [&](const float *frame) {
      double sum_x = 0, sum_y = 0, count = 0;
      for (int p = 0; p < kPixels; p++) {
        if (std::fabs(frame[p] - ground(p % kSide, p / kSide)) < 2) continue;
        sum_x += p % kSide, sum_y += p / kSide, count++;
      }
      return std::make_pair(sum_x / count, sum_y / count);
    };
    const auto from = middle(first), to = middle(last);
    const auto [dx, dy] = ways[label];
    along = (to.first - from.first) * dx + (to.second - from.second) * dy;
    EXPECT_GT(along, 4) << label;
    EXPECT_NEAR((to.first - from.first) * dy - (to.second - from.second) * dx, 0, 1) << label;
  }
}

// ---- edges

TEST(Edges, LieOnAStepAndNowhereElse) {
  std::vector<float> rgb(3 * 20 * 24), edges(20 * 24);
  for (size_t p = 0; p < rgb.size(); p++) rgb[p] = p % 24 < 11 ? 30.0f : 200.0f;
  draw_edges(rgb.data(), 24, 20, edges.data());
  for (int y = 0; y < 20; y++) {
    for (int x = 0; x < 24; x++)
      ASSERT_EQ(edges[static_cast<size_t>(y * 24 + x)], x == 10 || x == 11 ? edges[static_cast<size_t>(x)] : 0)
          << x << y;
    EXPECT_EQ(edges[static_cast<size_t>(y * 24 + 10)] + edges[static_cast<size_t>(y * 24 + 11)], 1)
        << y;  // one pixel wide
  }
  std::fill(rgb.begin(), rgb.end(), 77.0f);
  draw_edges(rgb.data(), 24, 20, edges.data());
  EXPECT_EQ(std::accumulate(edges.begin(), edges.end(), 0.0f), 0);
}

}  // namespace
}  // namespace sluice::testing
