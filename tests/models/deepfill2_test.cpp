// SPDX-License-Identifier: Apache-2.0
// DeepFill v2 end to end against the independent reference: every layer's output, the picture, the gradients. The
// narrow network (cnum 8) is in tests/fixtures; the full width is checked where its files are found (SLUICE_SHARED).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "runtime/graph_file.h"
#include "runtime/model.h"
#include "runtime/scratch_space.h"
#include "runtime/training/gradients.h"
#include "tests/support/fixture.h"
#include "weights_io/error.h"
#include "weights_io/names/names.h"

namespace sluice::testing {
namespace {

// Ten times what a plain float32 run of the reference got.
constexpr double kValueBound = 8e-5, kGradientBound = 4e-5;

std::filesystem::path source(const std::string &name) { return std::filesystem::path(SLUICE_SOURCE_DIR) / name; }

std::shared_ptr<const Model> load(const std::filesystem::path &published, int width) {
  const Conversion conversion = apply_names(read_names(source("models/deepfill2.names")), read_safetensors(published),
                                            published.filename().string());
  LoadOptions options;
  options.parameters["width"] = std::to_string(width);
  return std::make_shared<const Model>(read_graph(source("models/deepfill2.graph"), options.parameters),
                                       conversion.tensors, options);
}

const Model &narrow() {
  static const std::shared_ptr<const Model> model = load(fixture_path("deepfill2/cnum8.safetensors"), 8);
  return *model;
}

const Archive &forward_fixture() {
  static const Archive fixture = read_safetensors(fixture_path("deepfill2/cnum8_forward.safetensors"));
  return fixture;
}

TensorMap pictures(const TensorMap &fixture) {
  return {{"image", fixture.at("in.image")}, {"mask", fixture.at("in.mask")}};
}

TEST(DeepFill2, EveryLayerAsTheReference) {
  RunOptions options;
  const TensorMap expected = with_prefix(forward_fixture().tensors, "keep.");
  for (const auto &entry : expected) {
    if (!entry.first.starts_with("ca.")) options.keep.push_back(entry.first);
  }
  ASSERT_GE(options.keep.size(), 44u);
  const TensorMap made = narrow().run(pictures(forward_fixture().tensors), options);
  for (const std::string &name : options.keep) {
    EXPECT_LE(relative_error(made.at(name), expected.at(name)), kValueBound) << name;
  }
  for (const auto &[ours, theirs] : {std::pair{"x1", "out.x1"}, {"x2", "out.x2"}, {"filled", "out.complete"}}) {
    EXPECT_LE(relative_error(made.at(ours), forward_fixture().tensors.at(theirs)), kValueBound) << ours;
  }
}

// The attention's buffers lie where no tensor is; where every tensor is kept they are elsewhere. The bits are the same.
TEST(DeepFill2, BuffersOfKernelsHarmNoTensor) {
  constexpr int64_t kHeight = 512, kWidth = 512;
  TensorMap inputs{{"image", StoredTensor::of_f32({1, 3, kHeight, kWidth})},
                   {"mask", StoredTensor::of_f32({1, 1, kHeight, kWidth})}};
  for (int64_t i = 0; i < 3 * kHeight * kWidth; i++) inputs.at("image").f32()[i] = static_cast<float>(i * 37 % 256);
  for (int64_t i = 0; i < kHeight * kWidth; i++) {
    const int64_t x = i % kWidth, y = i / kWidth;
    inputs.at("mask").f32()[i] = x > 100 && x < 220 && y > 90 && y < 200 ? 1.0f : 0.0f;
  }
  const ExecutionPlan plan = narrow().plan_for(inputs, {});
  const PlannedStep &attention = plan.steps()[static_cast<size_t>(plan.step("ca"))];
  EXPECT_FALSE(plan.free_ranges(attention, int64_t{ScratchSpace::kSmallest}).empty());
  RunOptions keeping;
  for (const PlannedTensor &tensor : plan.tensors()) keeping.keep.push_back(tensor.name);
  const TensorMap made = narrow().run(inputs), kept = narrow().run(inputs, keeping);
  for (const char *name : {"filled", "x1", "x2"}) {
    const StoredTensor &one = made.at(name), &other = kept.at(name);
    for (int64_t i = 0; i < one.elements(); i++) ASSERT_EQ(one.f32()[i], other.f32()[i]) << name << " at " << i;
  }
}

// Loss of the fixture: mean|image - x1| + mean|image - x2|.
TEST(DeepFill2, GradientsOfEveryWeight) {
  const TensorMap inputs = pictures(forward_fixture().tensors);
  const TensorMap outputs = narrow().run(inputs);
  TensorMap output_gradients;
  for (const char *name : {"x1", "x2"}) {
    const StoredTensor &x = outputs.at(name);
    StoredTensor gradient = StoredTensor::of_f32(x.shape);
    for (size_t i = 0; i < static_cast<size_t>(x.elements()); i++) {
      const float image = inputs.at("image").f32()[i] / 127.5f - 1;
      gradient.f32()[i] = (x.f32()[i] > image ? 1.0f : -1.0f) / static_cast<float>(x.elements());
    }
    output_gradients[name] = gradient;
  }
  const TensorMap made = gradients(narrow(), inputs, output_gradients);
  Archive published;
  published.tensors =
      with_prefix(read_safetensors(fixture_path("deepfill2/cnum8_gradients.safetensors")).tensors, "grad.");
  const TensorMap expected = apply_names(read_names(source("models/deepfill2.names")), published, "gradients").tensors;
  ASSERT_EQ(expected.size(), 164u);
  double largest = 0;
  for (const auto &entry : expected) largest = std::max(largest, largest_magnitude(entry.second));
  for (const auto &[name, gradient] : expected) {
    EXPECT_LE(relative_error(made.at(name), gradient, 1e-3 * largest), kGradientBound) << name;
  }
}

TEST(DeepFill2, SameBitsForAnyThreadCount) {
  set_threads(1);
  const StoredTensor once = narrow().run(pictures(forward_fixture().tensors)).at("filled");
  for (const int count : {2, 4, 1}) {
    set_threads(count);
    EXPECT_EQ(narrow().run(pictures(forward_fixture().tensors)).at("filled"), once) << count << " threads";
  }
}

TEST(DeepFill2, BatchPositionDoesNotMatter) {
  const TensorMap one = pictures(forward_fixture().tensors);
  TensorMap two = one;
  StoredTensor &image = two.at("image");
  image.shape[0] = 2;
  const auto bytes = image.bytes;
  image.bytes.insert(image.bytes.end(), bytes.begin(), bytes.end());
  const StoredTensor single = narrow().run(one).at("filled"), both = narrow().run(two).at("filled");
  for (size_t item = 0; item < 2; item++) {
    const float *begin = both.f32() + item * static_cast<size_t>(single.elements());
    EXPECT_TRUE(std::equal(single.f32(), single.f32() + single.elements(), begin)) << "item " << item;
  }
}

StoredTensor crop(const StoredTensor &tensor, int64_t height, int64_t width) {
  StoredTensor part = StoredTensor::of_f32({tensor.shape[0], tensor.shape[1], height, width});
  float *to = part.f32();
  for (int64_t plane = 0; plane < tensor.shape[0] * tensor.shape[1]; plane++) {
    for (int64_t y = 0; y < height; y++) {
      const float *row = tensor.f32() + (plane * tensor.shape[2] + y) * tensor.shape[3];
      to = std::copy(row, row + width, to);
    }
  }
  return part;
}

TEST(DeepFill2, AnySizeIsPaddedAndCroppedBack) {
  const TensorMap whole = pictures(forward_fixture().tensors);
  TensorMap odd;
  for (const auto &[name, tensor] : whole) odd[name] = crop(tensor, 61, 90);
  const StoredTensor filled = narrow().run(odd).at("filled");
  EXPECT_EQ(filled.shape, (std::vector<int64_t>{1, 3, 61, 90}));
  // Outside the hole the network hands the picture through.
  for (size_t i = 0; i < static_cast<size_t>(filled.elements()); i++) {
    if (odd.at("mask").f32()[i % (61 * 90)] != 0) continue;
    ASSERT_NEAR(filled.f32()[i], odd.at("image").f32()[i] / 127.5f - 1, 1e-6) << i;
  }
}

TEST(DeepFill2, CancelStopsAndTheModelStaysUsable) {
  std::atomic<bool> cancel{false};
  RunOptions options;
  options.cancel = &cancel;
  int calls = 0;
  options.progress = [&](int, int total, const std::string &) {
    if (++calls == total / 2) cancel = true;
  };
  const TensorMap inputs = pictures(forward_fixture().tensors);
  try {
    narrow().run(inputs, options);
    FAIL() << "not cancelled";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::interrupted);
  }
  EXPECT_LE(relative_error(narrow().run(inputs).at("x2"), forward_fixture().tensors.at("out.x2")), kValueBound);
}

// ---- full width, optional

std::filesystem::path shared_folder() {
  const char *named = std::getenv("SLUICE_SHARED");
  return named != nullptr ? std::filesystem::path(named) : source("../shared");
}

struct Samples {
  int64_t total = 0, different = 0, worst = 0;
};

// The published 8-bit rule, clamp then truncate, inside the hole.
Samples compare_samples(const StoredTensor &filled, const StoredTensor &result, const StoredTensor &mask) {
  Samples samples;
  const int64_t plane = result.shape[2] * result.shape[3];
  for (int64_t i = 0; i < result.elements(); i++) {
    if (static_cast<int>(mask.bytes[static_cast<size_t>(i % plane)]) == 0) continue;
    const float value = std::min(255.0f, std::max(0.0f, (filled.f32()[i] + 1) * 127.5f));
    const int64_t step =
        std::abs(static_cast<int64_t>(value) - static_cast<int64_t>(result.bytes[static_cast<size_t>(i)]));
    samples.total++;
    samples.different += step != 0;
    samples.worst = std::max(samples.worst, step);
  }
  return samples;
}

class FullWidth : public ::testing::TestWithParam<std::pair<const char *, double>> {};

TEST_P(FullWidth, AsTheReference) {
  const std::filesystem::path folder = shared_folder() / "fixtures" / "deepfill2";
  if (!std::filesystem::exists(folder))
    GTEST_SKIP()
        << "full-width fixtures (16 MB of seeded weights) are not in the repository: set SLUICE_SHARED to their folder";
  static const std::shared_ptr<const Model> model = load(folder / "cnum48.safetensors", 48);
  const auto &[size, bound] = GetParam();
  const TensorMap fixture = read_safetensors(folder / fmt::format("cnum48_{}.safetensors", size)).tensors;
  const TensorMap made = model->run(pictures(fixture));
  for (const char *name : {"x1", "x2"}) {
    const auto expected = fixture.find(std::string("out.") + name);
    if (expected == fixture.end()) continue;
    EXPECT_LE(relative_error(made.at(name), expected->second) * largest_magnitude(expected->second), bound) << name;
  }
  const Samples samples = compare_samples(made.at("filled"), fixture.at("out.result"), fixture.at("in.mask"));
  EXPECT_GT(samples.total, 1000);
  EXPECT_LE(samples.worst, 1);
  EXPECT_LE(static_cast<double>(samples.different), 1e-3 * static_cast<double>(samples.total));
}

INSTANTIATE_TEST_SUITE_P(Sizes, FullWidth,
                         ::testing::Values(std::pair{"256x256", 1e-4}, std::pair{"264x200", 1e-4},
                                           std::pair{"512x512", 5e-4}),
                         [](const auto &test) { return "At" + std::string(test.param.first); });

}  // namespace
}  // namespace sluice::testing

int main(int argc, char **argv) {
  ::testing::InitGoogleTest(&argc, argv);
  sluice::register_training();
  return RUN_ALL_TESTS();
}
