// SPDX-License-Identifier: Apache-2.0
// Stroke files, drawings as pixels, classes of a folder, and the batches that sketches make.
#include "runtime/trainer/sketch_data.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "runtime/trainer/class_folder.h"
#include "tests/runtime/trainer/trainer_support.h"
#include "tests/support/message_of.h"

namespace sluice::testing {
namespace {

namespace fs = std::filesystem;

void write(const fs::path &file, const std::string &bytes) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
}

// Two drawings in the binary layout: an L of two strokes, and a point.
std::string binary_drawings() {
  const std::string header(15, '\0');
  const auto stroke = [](std::initializer_list<int> x, std::initializer_list<int> y) {
    std::string bytes = {static_cast<char>(x.size()), 0};
    for (const int v : x) bytes += static_cast<char>(v);
    for (const int v : y) bytes += static_cast<char>(v);
    return bytes;
  };
  return header + std::string({2, 0}) + stroke({0, 0}, {0, 255}) + stroke({0, 200, 255}, {255, 255, 255}) + header +
         std::string({1, 0}) + stroke({128}, {128});
}
const std::string kLines =
    "{\"word\":\"l\",\"drawing\":[[[0,0],[0,255]],[[0,200,255],[255,255,255]]]}\n{\"drawing\":[[[128],[128]]]}\n";

TEST(Strokes, AreTheSameFromEitherFormat) {
  const TemporaryFolder folder;
  write(folder / "a.bin", binary_drawings());
  write(folder / "a.ndjson", kLines);
  const std::vector<Drawing> binary = read_drawings(folder / "a.bin");
  ASSERT_EQ(binary.size(), 2u);
  EXPECT_EQ(binary, read_drawings(folder / "a.ndjson"));
  EXPECT_EQ(binary[0][1][1], (StrokePoint(200, 255)));
}

TEST(Strokes, OfTheDatasetAreTheSameFromEitherFormat) {
  const char *named = std::getenv("SLUICE_SHARED");
  const fs::path shared = named != nullptr ? fs::path(named) : fs::path(SLUICE_SOURCE_DIR) / "../shared";
  if (!fs::exists(shared / "data/sketch/cat.bin"))
    GTEST_SKIP() << "the drawings are not in the repository: set SLUICE_SHARED to their folder";
  const std::vector<Drawing> cats = read_drawings(shared / "data/sketch/cat.bin");
  EXPECT_EQ(cats.size(), 1200u);
  EXPECT_EQ(cats, read_drawings(shared / "data/sketch/cat.ndjson"));
}

TEST(Strokes, BrokenFilesAreRefused) {
  const TemporaryFolder folder;
  const std::string whole = binary_drawings();
  for (size_t bytes = 1; bytes < whole.size(); bytes++) {
    write(folder / "a.bin", whole.substr(0, bytes));
    const std::string message = message_of([&] { read_drawings(folder / "a.bin"); });
    if (message != "no error") {
      EXPECT_NE(message.find("it ends within drawing"), std::string::npos) << bytes << ": " << message;
    } else {
      EXPECT_EQ(bytes, whole.size() - 21);  // after the first drawing
    }
  }
  for (const char *line : {"{", "[]", "{\"drawing\":[[[1,2],[1]]]}", "{\"drawing\":[[[1],[256]]]}",
                           "{\"drawing\":[[[1],[-1]]]}", "{\"drawing\":[[[1]]]}", "{\"drawing\":[[\"a\",\"b\"]]}"}) {
    write(folder / "a.ndjson", kLines + line + "\n");
    const std::string message = message_of([&] { read_drawings(folder / "a.ndjson"); });
    EXPECT_NE(message.find("a.ndjson:3: no drawing"), std::string::npos) << line << ": " << message;
  }
}

double length_of(const Drawing &drawing) {
  double length = 0;
  for (const auto &stroke : drawing) {
    for (size_t i = 1; i < stroke.size(); i++)
      length += std::hypot(stroke[i].first - stroke[i - 1].first, stroke[i].second - stroke[i - 1].second);
  }
  return length;
}

TEST(Strokes, TheFirstOnesHaveTheirShareOfTheLength) {
  Draws draws(1, "figure", 0);
  for (int64_t kind = 0; kind < 16; kind++) {
    const Drawing drawing = procedural_drawing(kind, draws);
    for (const double share : {0.1, 0.5, 0.99, 1.0}) {
      const Drawing first = first_strokes(drawing, share);
      EXPECT_NEAR(length_of(first), share * length_of(drawing), 1e-3 * length_of(drawing));
      EXPECT_EQ(first[0][0], drawing[0][0]);
    }
  }
}

// Ink of a horizontal line: its length times its width.
TEST(Strokes, CoverWhatTheyShould) {
  constexpr int kSide = 100;
  std::vector<float> values(kSide * kSide);
  draw_strokes({{{0, 128}, {255, 128}}}, kSide, kSide, 3, values.data());
  double ink = 0;
  for (const float v : values) ink += (1 - v) / 2;
  EXPECT_NEAR(ink, 0.92 * 99 * 3 + 7, 4);  // and two round ends
  EXPECT_EQ(*std::min_element(values.begin(), values.end()), -1);
  EXPECT_EQ(values[0], 1);
}

Recipe recipe_of(const std::string &data) {
  std::string text = text_of(training_fixture("sketches.recipe"));
  const size_t at = text.find("data ");
  text.replace(at, text.find('\n', at) - at, "data " + data);
  return parse_recipe(text, training_fixture("sketches.recipe").string());
}

TensorMap batch_of(const Recipe &recipe, const fs::path &path = "", uint64_t number = 0) {
  return BatchSource(recipe, path, 5, nullptr).batch("train", number, "");
}

TEST(SketchData, APartialSketchIsAPartOfTheDrawing) {
  const TemporaryFolder folder;
  write(folder / "classes/angle.bin", binary_drawings());
  write(folder / "classes/angle.ndjson", kLines);  // the same class once more
  write(folder / "classes/dots.ndjson", kLines);
  const Recipe recipe = recipe_of("sketches size=32 batch=64 classes=5 noise=3 kept=20,80");
  for (const fs::path &path : {fs::path(), folder / "classes"}) {
    const TensorMap batch = batch_of(recipe, path);
    const StoredTensor &sketch = batch.at("sketch"), &drawing = batch.at("drawing");
    ASSERT_EQ(sketch.shape, (std::vector<int64_t>{64, 1, 32, 32}));
    ASSERT_EQ(batch.at("label").shape, std::vector<int64_t>{64});
    ASSERT_EQ(batch.at("z").shape, (std::vector<int64_t>{64, 3}));
    double ink = 0, whole = 0;
    for (int64_t i = 0; i < sketch.elements(); i++) {
      EXPECT_GE(sketch.f32()[i], drawing.f32()[i] - 1e-3f);
      ink += 1 - sketch.f32()[i], whole += 1 - drawing.f32()[i];
    }
    EXPECT_GT(ink, 0.2 * whole);
    EXPECT_LT(ink, 0.9 * whole);
    std::set<float> labels(batch.at("label").f32(), batch.at("label").f32() + 64);
    EXPECT_EQ(labels.size(), path.empty() ? 5u : 2u);
    EXPECT_TRUE(batch == batch_of(recipe, path));
    EXPECT_FALSE(batch == batch_of(recipe, path, 1));
  }
}

TEST(SketchData, PicturesOfAClassLoseARectangle) {
  const TemporaryFolder folder;
  Picture picture{40, 40, 3, 8, std::vector<uint16_t>(40 * 40 * 3, 0)};
  fs::create_directories(folder / "classes/black");
  write_picture(folder / "classes/black/one.png", picture);
  const TensorMap batch = batch_of(recipe_of("sketches size=32 batch=4 classes=5 noise=0 kept=75"), folder / "classes");
  for (int64_t n = 0; n < 4; n++) {
    const float *sketch = batch.at("sketch").f32() + n * 1024;
    EXPECT_EQ(std::count(sketch, sketch + 1024, 1.0f), 16 * 16);
    EXPECT_EQ(std::count(sketch, sketch + 1024, -1.0f), 1024 - 16 * 16);
  }
}

TEST(SketchData, SketchedPicturesShowTheirClass) {
  const Recipe recipe = recipe_of("sketched_pictures size=32 batch=8 classes=2 noise=2");
  const TensorMap batch = batch_of(recipe);
  const StoredTensor &image = batch.at("image"), &sketch = batch.at("sketch");
  ASSERT_EQ(image.shape, (std::vector<int64_t>{8, 3, 32, 32}));
  ASSERT_EQ(sketch.shape, image.shape);
  for (int64_t n = 0; n < 8; n++) {
    const float *red = image.f32() + n * 3072, *outline = sketch.f32() + n * 3072;
    EXPECT_GT(*red, 0.5f);  // the ground
    const bool first = batch.at("label").f32()[n] == 0;
    const float own = *std::min_element(red, red + 1024), most = *std::max_element(red, red + 1024);
    EXPECT_TRUE(first ? most > 0.6f : own < -0.4f) << n;  // cos 0 and cos 2.4
    EXPECT_TRUE(std::equal(outline, outline + 1024, outline + 2048));
  }
}

TEST(SketchData, FoldersThatDoNotFitAreRefused) {
  const TemporaryFolder folder;
  const Recipe recipe = recipe_of("sketches size=32 batch=4 classes=2 noise=0");
  const auto refusal = [&](const std::string &name) { return message_of([&] { batch_of(recipe, folder / name); }); };
  EXPECT_NE(refusal("nothing").find("no such folder of classes"), std::string::npos);
  fs::create_directories(folder / "empty");
  EXPECT_NE(refusal("empty").find("no class"), std::string::npos);
  for (const char *name : {"a", "b", "c"}) write(folder / "many" / (std::string(name) + ".ndjson"), kLines);
  EXPECT_NE(refusal("many").find("3 classes, the recipe's networks have 2"), std::string::npos);
  write(folder / "none" / "a.ndjson", "\n");
  EXPECT_NE(refusal("none").find("its classes are empty"), std::string::npos);
}

}  // namespace
}  // namespace sluice::testing
