// SPDX-License-Identifier: Apache-2.0
// Runs for one output, whose mask says that only parts of pictures count, against runs of everything. What is not
// computed is a signalling number before the run, so that reading it shows.
#include "runtime/region_of_interest.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <ostream>
#include <random>

#include "runtime/arena.h"
#include "runtime/graph_file.h"
#include "runtime/input_shapes.h"
#include "runtime/model.h"
#include "runtime/tuning/random_tensors.h"
#include "tests/support/message_of.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr int64_t kHeight = 96, kWidth = 136;

using testing::message_of;

struct Hole {
  const char *name;
  std::vector<Box> boxes;
};
void PrintTo(const Hole &hole, std::ostream *out) { *out << hole.name; }

const std::vector<Hole> kHoles{
    {"square", {{40, 30, 72, 50}}},
    {"pixel", {{77, 41, 78, 42}}},
    {"corners", {{0, 0, 9, 7}, {kWidth - 5, kHeight - 11, kWidth, kHeight}}},
    {"edge", {{0, 20, 3, 90}}},
    {"scattered", {{3, 5, 20, 11}, {50, 60, 61, 80}, {90, 8, 120, 19}, {100, 70, 101, 71}}},
    {"nearly_all", {{1, 1, kWidth - 1, kHeight - 1}}},
    {"none", {}},
};

TensorMap inputs_with(const Hole &hole) {
  StoredTensor image = StoredTensor::of_f32({1, 3, kHeight, kWidth}),
               mask = StoredTensor::of_f32({1, 1, kHeight, kWidth});
  std::mt19937 random(3);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::generate_n(image.f32(), image.elements(), [&] { return uniform(random); });
  std::fill_n(mask.f32(), mask.elements(), 0.0f);
  for (const Box &box : hole.boxes) {
    for (int64_t y = box.y0; y < box.y1; y++) std::fill_n(mask.f32() + y * kWidth + box.x0, box.x1 - box.x0, 1.0f);
  }
  return {{"image", image}, {"mask", mask}};
}

Model make_model(const std::string &algorithm) {
  LoadOptions options;
  options.algorithm = algorithm;
  Graph graph = read_graph(SLUICE_SOURCE_DIR "/tests/runtime/region_of_interest.graph", parse_options(options));
  const Shapes shapes{{"image", {1, 3, kHeight, kWidth}}, {"mask", {1, 1, kHeight, kWidth}}};
  TensorMap weights = random_weights(graph, shapes, 1);
  return Model(std::move(graph), std::move(weights), options);
}

// The tensor, of a run in memory full of NaN that computes what `outputs` need.
std::vector<float> run(const Model &model, const TensorMap &inputs, const std::vector<std::string> &outputs,
                       const std::string &tensor) {
  const ExecutionPlan plan = model.plan_for(inputs, {});
  const auto arena = allocate_arena(plan.arena_bytes(), "test");
  std::fill_n(arena.get(), plan.arena_bytes() / static_cast<int64_t>(sizeof(float)),
              std::numeric_limits<float>::quiet_NaN());
  model.fill_inputs(plan, inputs, arena.get());
  RunOptions options;
  options.outputs = outputs;
  TensorMap state;
  model.execute(plan, arena.get(), options, state);
  const BufferView view = plan.view(plan.tensor(tensor), arena.get());
  std::vector<float> values;
  for (int64_t y = 0; y < view.extents[2]; y++) {
    for (int64_t x = 0; x < view.extents[1]; x++) {
      for (int64_t c = 0; c < view.extents[0]; c++)
        values.push_back(static_cast<const float *>(view.data)[c + x * view.strides[1] + y * view.strides[2]]);
    }
  }
  return values;
}

class RegionsOfHoles : public ::testing::TestWithParam<Hole> {};

TEST_P(RegionsOfHoles, DirectSumsHaveTheSameBits) {
  const Model model = make_model("direct");
  const TensorMap inputs = inputs_with(GetParam());
  for (const char *output : {"filled", "other"}) {
    const std::vector<float> all = run(model, inputs, {}, output), only = run(model, inputs, {output}, output);
    ASSERT_EQ(all.size(), only.size());
    for (size_t i = 0; i < all.size(); i++) ASSERT_EQ(all[i], only[i]) << output << " at " << i;
  }
}

TEST_P(RegionsOfHoles, WinogradDiffersByRounding) {
  const Model model = make_model("fastest");
  const TensorMap inputs = inputs_with(GetParam());
  const std::vector<float> all = run(model, inputs, {}, "filled"), only = run(model, inputs, {"filled"}, "filled");
  for (size_t i = 0; i < all.size(); i++) ASSERT_NEAR(all[i], only[i], 2e-5) << i;
}

TEST_P(RegionsOfHoles, RunReturnsWhatIsWanted) {
  const Model model = make_model("fastest");
  const TensorMap inputs = inputs_with(GetParam());
  RunOptions options;
  options.outputs = {"filled", "b"};
  const TensorMap made = model.run(inputs, options), all = model.run(inputs);
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(std::memcmp(made.at("b").f32(), all.at("b").f32(), static_cast<size_t>(4 * all.at("b").elements())), 0);
}

INSTANTIATE_TEST_SUITE_P(Holes, RegionsOfHoles, ::testing::ValuesIn(kHoles),
                         [](const auto &hole) { return std::string(hole.param.name); });

TEST(RegionsOfInterest, ComputesPartsOfPictures) {
  const Model model = make_model("fastest");
  const TensorMap inputs = inputs_with(kHoles[0]);
  const ExecutionPlan plan = model.plan_for(inputs, {});
  const auto arena = allocate_arena(plan.arena_bytes(), "test");
  model.fill_inputs(plan, inputs, arena.get());
  const RegionsOfInterest regions(model.graph(), plan, {"filled"}, arena.get());
  const auto part_of = [&](const std::string &node) { return regions.step(static_cast<size_t>(plan.step(node))); };
  EXPECT_FALSE(part_of("other").needed);
  EXPECT_TRUE(part_of("filled").whole);
  EXPECT_TRUE(part_of("b").whole) << "the attention has keys everywhere";
  ASSERT_EQ(part_of("m").parts.size(), 1u);
  EXPECT_EQ(part_of("m").parts[0].output, (Box{40, 30, 72, 50}));
  EXPECT_EQ(part_of("k").parts[0].inputs[0], (Box{39, 29, 73, 51}));
  ASSERT_EQ(part_of("ca").parts.size(), 1u);
  EXPECT_LT(part_of("ca").parts[0].output.area(), kHeight * kWidth / 4 / 2);
}

TEST(RegionsOfInterest, AnOutputThatIsNotThere) {
  const Model model = make_model("fastest");
  RunOptions options;
  options.outputs = {"filed"};
  EXPECT_NE(message_of([&] { model.run(inputs_with(kHoles[0]), options); }).find("has no output 'filed'"),
            std::string::npos);
}

TEST(Region, JoinsWhatIsNear) {
  Region region(Box{0, 0, 100, 100}, 1000);
  region.add({100, 0, 200, 100});
  EXPECT_EQ(region.boxes(), (std::vector<Box>{{0, 0, 200, 100}}));
  region.add({1000, 1000, 1100, 1100});
  EXPECT_EQ(region.boxes().size(), 2u);
  EXPECT_TRUE(region.contains({10, 10, 190, 90}));
  EXPECT_FALSE(region.contains({10, 10, 1010, 90}));
  EXPECT_EQ(region.area(), 30000);
  Region apart(Box{0, 0, 100, 100}, 1000);
  apart.add({100, 10, 200, 110});  // together 2000 pixels more
  EXPECT_EQ(apart.boxes().size(), 2u);
  EXPECT_TRUE(Region(Box{}, 1000).empty());
  EXPECT_EQ(region.within(Region(Box{150, 50, 1050, 1050}, 0)).boxes(),
            (std::vector<Box>{{150, 50, 200, 100}, {1000, 1000, 1050, 1050}}));
}

TEST(Region, HasFewBoxesOfAnyMask) {
  constexpr int64_t kSide = 2048, kStep = 37;
  std::vector<float> values(kSide * kSide);
  for (int64_t y = 0; y < kSide; y += kStep) {
    for (int64_t x = 0; x < kSide; x += kStep) values[static_cast<size_t>(y * kSide + x)] = 1;
  }
  const Region region = pixels_other_than(BufferView(values.data(), {1, kSide, kSide, 1}), 0);
  EXPECT_LE(region.boxes().size(), Region::kMostBoxes);
  for (int64_t y = 0; y < kSide; y += kStep) {
    for (int64_t x = 0; x < kSide; x += kStep) ASSERT_TRUE(region.contains({x, y, x + 1, y + 1})) << x << " " << y;
  }
}

// Only a run asks for a part: what a node said would have no gradient.
TEST(RegionsOfInterest, ANodeCannotSayAPart) {
  LoadOptions options;
  Graph graph = read_graph(SLUICE_SOURCE_DIR "/tests/runtime/region_of_interest.graph", parse_options(options));
  for (Node &node : graph.nodes) {
    if (node.name == "ca") node.attributes["part"] = AttributeValue{{"0", "0", "4", "4"}};
  }
  const Shapes shapes{{"image", {1, 3, kHeight, kWidth}}, {"mask", {1, 1, kHeight, kWidth}}};
  EXPECT_NE(message_of([&] { random_weights(graph, shapes, 1); }).find("part_width=0"), std::string::npos);
}

}  // namespace
}  // namespace sluice
