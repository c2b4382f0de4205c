// SPDX-License-Identifier: Apache-2.0
// Trainings with a gradient penalty, a picture pool, drawn numbers and several updates of a critic: resumed bits, what
// is refused, and what the pool does.
#include <set>

#include "tests/runtime/trainer/trainer_support.h"
#include "tests/support/message_of.h"

namespace sluice::testing {
namespace {

const std::string kRecipe = "wasserstein.recipe";

std::string refusal(const std::string &from, const std::string &to,
                    const std::map<std::string, std::string> &settings = {}) {
  const TemporaryFolder folder;
  std::string text = text_of(training_fixture(kRecipe));
  text.replace(text.find(from), from.size(), to);
  return message_of([&] { Trainer(parse_recipe(text, "w.recipe", settings), train_options(folder.path())); });
}

TEST(Wasserstein, ResumedAtAnyRoundItHasTheBitsOfOneThatRanThrough) {
  const TemporaryFolder whole, parts;
  const Recipe recipe = recipe_fixture(kRecipe);
  const Archive expected = state_after(recipe, train_options(whole.path()));
  for (const int64_t until : {1, 2, 3, 5}) {
    TrainOptions options = train_options(parts.path(), "latest");
    options.steps = until;
    state_after(recipe, options);
  }
  const Archive resumed = state_after(recipe, train_options(parts.path(), "latest"));
  EXPECT_EQ(resumed.metadata, expected.metadata);
  ASSERT_EQ(resumed.tensors.size(), expected.tensors.size());
  for (const auto &[name, tensor] : expected.tensors) EXPECT_TRUE(tensor == resumed.tensors.at(name)) << name;
  EXPECT_EQ(expected.tensors.at("pool.critic.made_pair").shape, (std::vector<int64_t>{5, 4, 16, 16}));
  EXPECT_EQ(expected.metadata.at("optimizer.critic"), "12");
  EXPECT_EQ(expected.metadata.at("optimizer.generator"), "6");
}

TEST(Wasserstein, EveryUpdateHasABatchOfItsOwn) {
  const TemporaryFolder folder;
  std::set<std::vector<float>> seen;
  TrainEvents events;
  int batches = 0;
  events.batch = [&](int64_t, TensorMap &batch) {
    const StoredTensor &image = batch.at("image");
    seen.emplace(image.f32(), image.f32() + image.elements());
    batches++;
  };
  state_after(recipe_fixture(kRecipe), train_options(folder.path()), events);
  EXPECT_EQ(batches, 18);
  EXPECT_EQ(seen.size(), 18u);
}

TEST(Wasserstein, ThePenaltyPullsTheSlopeToItsCentre) {
  const TemporaryFolder folder;
  Recipe recipe = recipe_fixture(kRecipe);
  recipe.run_steps = 60, recipe.log_every = 10;
  std::vector<double> slopes;
  TrainEvents events;
  events.report = [&](const TrainReport &report) {
    for (const auto &[name, value] : report.losses) {
      if (name == "critic.slope") slopes.push_back(value);
    }
  };
  state_after(recipe, train_options(folder.path()), events);
  ASSERT_EQ(slopes.size(), 6u);
  EXPECT_GT(slopes.front(), 0.05);
  EXPECT_LT(slopes.back(), 0.7 * slopes.front());
}

TEST(Wasserstein, WhatHasNoSecondDerivativeIsRefusedByName) {
  const std::string message = refusal("recipe", "recipe", {{"pool", "true"}});
  EXPECT_NE(message.find("w.recipe:"), std::string::npos) << message;
  EXPECT_NE(message.find("penalty 'slope': node 'of_between.third' ("), std::string::npos) << message;
  EXPECT_NE(message.find("there is no second derivative of this op in input"), std::string::npos) << message;
}

TEST(Wasserstein, WrongLinesAreRefused) {
  const std::pair<std::array<const char *, 2>, const char *> bad[] = {
      {{"from of_between.score at=between", "from of_made.score at=between"}, "does not depend on 'between'"},
      {{"from of_between.score at=between", "from of_between.score"}, "at=TENSOR is missing"},
      {{"from of_between.score at=between", "from of_made.score at=of_made.first"},
       "'of_made.first' depends on what step 'critic' trains"},
      {{"penalty  slope from", "penalty  slope of"}, "a penalty is written 'penalty NAME from SCORE at=TENSOR'"},
      {{"centre=1", "center=1"}, "did you mean 'centre'?"},
      {{"random share uniform", "random share"}, "random numbers are normal or uniform"},
      {{"random share uniform", "random image uniform"}, "'image' is a tensor of the data"},
      {{"pool   made_pair from new_pair size=5", "pool made_pair new_pair"},
       "a pool is written 'pool NAME from TENSOR'"},
      {{"size=5", "size=0"}, "size"},
      {{"trains=critic updates=2", "trains=critic,generator updates=2"},
       "'new_pair' depends on what step 'critic' trains"},
      {{"updates=2", "updates=0"}, "updates"},
  };
  for (const auto &[change, expected] : bad) {
    const std::string message = refusal(change[0], change[1]);
    EXPECT_NE(message.find(expected), std::string::npos) << change[1] << ": " << message;
    EXPECT_NE(message.find("w.recipe:"), std::string::npos) << message;
  }
}

StoredTensor numbered(int64_t samples, float first) {
  StoredTensor tensor = StoredTensor::of_f32({samples, 2});
  for (int64_t i = 0; i < tensor.elements(); i++) tensor.f32()[i] = first + static_cast<float>(i / 2);
  return tensor;
}

// A sample is either handed on or held; none is lost or doubled.
TEST(PicturePool, HoldsWhatItDoesNotHandOn) {
  StoredTensor held;
  std::multiset<float> given, out;
  size_t old = 0;
  for (int round = 0; round < 40; round++) {
    StoredTensor batch = numbered(3, static_cast<float>(3 * round));
    Draws draws(7, "pool", static_cast<uint64_t>(round));
    exchange(batch, held, 10, draws);
    for (int64_t n = 0; n < 3; n++) {
      const float own = static_cast<float>(3 * round) + static_cast<float>(n), made = batch.f32()[2 * n];
      EXPECT_EQ(made, batch.f32()[2 * n + 1]);
      if (round < 3) {
        EXPECT_EQ(made, own);  // not full yet
      }
      old += made != own;
      given.insert(own), out.insert(made);
    }
    EXPECT_EQ(held.shape[0], std::min<int64_t>(10, 3 * round + 3));
  }
  EXPECT_GT(old, 35u);  // about half of the 110 that found it full
  EXPECT_LT(old, 75u);
  for (int64_t i = 0; i < 10; i++) EXPECT_EQ(given.count(held.f32()[2 * i]), 1u);
  EXPECT_EQ(std::set<float>(held.f32(), held.f32() + 20).size(), 10u);
}

TEST(PicturePool, OfOtherPicturesIsRefused) {
  StoredTensor held = StoredTensor::of_f32({2, 3}), batch = numbered(2, 0);
  Draws draws(7, "pool", 0);
  EXPECT_NE(message_of([&] { exchange(batch, held, 10, draws); }).find("a pool holds samples"), std::string::npos);
}

}  // namespace
}  // namespace sluice::testing
