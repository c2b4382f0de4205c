// SPDX-License-Identifier: Apache-2.0
// Whole trainings of a tiny network: they learn, have the same bits however they are run and interrupted, and never
// write a number that is not finite.
#include "runtime/trainer/trainer.h"

#include <cmath>
#include <limits>

#include "runtime/kernel_call.h"
#include "runtime/training/optimizer.h"
#include "tests/runtime/trainer/trainer_support.h"
#include "tests/support/message_of.h"

namespace sluice::testing {
namespace {

void expect_same(const Archive &a, const Archive &b) {
  EXPECT_EQ(a.metadata, b.metadata);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (const auto &[name, tensor] : a.tensors) EXPECT_TRUE(tensor == b.tensors.at(name)) << name;
}

TEST(Trainer, TheLossFalls) {
  const TemporaryFolder folder;
  Recipe recipe = recipe_fixture("tiny.recipe");
  recipe.run_steps = 60;
  std::vector<double> losses;
  TrainEvents events;
  events.report = [&](const TrainReport &report) { losses.push_back(report.loss); };
  state_after(recipe, train_options(folder.path()), events);
  ASSERT_EQ(losses.size(), 12u);
  EXPECT_GT(losses.front(), 0.3);
  EXPECT_LT(losses.back(), 0.6 * losses.front());
}

TEST(Trainer, WritesWeightsLogSamplesAndEvents) {
  const TemporaryFolder folder;
  const Recipe recipe = recipe_fixture("tiny.recipe");
  state_after(recipe, train_options(folder.path()));
  const auto model = Model::load(training_fixture("tiny.graph"), folder / "generator.safetensors");
  EXPECT_EQ(model->graph().parameters.at("width"), "8");
  const Archive last = CheckpointFolder::read(folder / "checkpoints" / "step-000000000020.safetensors");
  EXPECT_TRUE(model->weights().at("first.feature_weight") == last.tensors.at("average.generator.first.feature_weight"));
  EXPECT_FALSE(last.tensors.at("average.generator.first.feature_weight") ==
               last.tensors.at("weight.generator.first.feature_weight"));
  EXPECT_TRUE(std::filesystem::exists(folder / "generator_best.safetensors"));
  EXPECT_EQ(text_of(folder / "recipe"), recipe.text + "# parameters: rate=0.01 size=16\n");
  const Picture grid = read_picture(folder / "samples" / "step-000000000020.png");
  EXPECT_EQ(grid.width, 3 * 16 + 4);
  EXPECT_EQ(grid.height, 2 * 16 + 2);
  const std::string table = text_of(folder / "log.csv");
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 5);
  EXPECT_TRUE(table.starts_with("step,seconds,loss,generator.l1,generator.gradient_norm,generator.learning_rate,"));
}

TEST(Trainer, ResumedAtAnyStepItHasTheBitsOfOneThatRanThrough) {
  const TemporaryFolder whole, parts;
  const Recipe recipe = recipe_fixture("tiny.recipe");
  const Archive expected = state_after(recipe, train_options(whole.path()));
  for (const int64_t until : {1, 9, 10, 17, 20}) {
    TrainOptions options = train_options(parts.path(), "latest");
    options.steps = until;
    state_after(recipe, options);
  }
  const Archive resumed = CheckpointFolder::read(parts / "checkpoints" / "step-000000000020.safetensors");
  const Archive through = CheckpointFolder::read(whole / "checkpoints" / "step-000000000020.safetensors");
  for (const auto &[name, tensor] : expected.tensors) {
    EXPECT_TRUE(tensor == resumed.tensors.at(name)) << name;
    EXPECT_TRUE(tensor == through.tensors.at(name)) << name;
  }
}

TEST(Trainer, ThreadsDoNotChangeABit) {
  Recipe recipe = recipe_fixture("tiny.recipe");
  std::vector<Archive> states;
  for (const int threads : {1, 2, 4}) {
    const TemporaryFolder folder;
    set_threads(threads);
    recipe.data.threads = threads;
    states.push_back(state_after(recipe, train_options(folder.path())));
  }
  set_threads(0);
  expect_same(states[0], states[1]);
  expect_same(states[0], states[2]);
}

TEST(Trainer, TwoHundredStepsHaveTheSameBitsWithOneThreadAndTwo) {
  Recipe recipe = recipe_fixture("tiny.recipe");
  recipe.run_steps = 200;
  recipe.checkpoint_every = recipe.validate_every = recipe.sample.every = 100;
  std::vector<Archive> states;
  for (const int threads : {1, 2}) {
    const TemporaryFolder folder;
    set_threads(threads);
    states.push_back(state_after(recipe, train_options(folder.path())));
  }
  set_threads(0);
  expect_same(states[0], states[1]);
}

TEST(Trainer, AnotherSeedIsAnotherTraining) {
  const TemporaryFolder one, two;
  const Recipe recipe = recipe_fixture("tiny.recipe");
  TrainOptions options = train_options(two.path());
  options.seed = 4;
  const Archive a = state_after(recipe, train_options(one.path())), b = state_after(recipe, options);
  EXPECT_FALSE(a.tensors.at("weight.generator.second.weight") == b.tensors.at("weight.generator.second.weight"));
}

TEST(Trainer, TwoNetworksTakeTurns) {
  const TemporaryFolder whole, parts;
  const Recipe recipe = recipe_fixture("adversarial.recipe");
  const Archive expected = state_after(recipe, train_options(whole.path()));
  TrainOptions options = train_options(parts.path(), "latest");
  options.steps = 4;
  const Archive begun = state_after(recipe, options);
  expect_same(state_after(recipe, train_options(parts.path(), "latest")), expected);
  for (const char *weight : {"weight.critic.scores.weight", "weight.generator.second.weight"})
    EXPECT_FALSE(begun.tensors.at(weight) == expected.tensors.at(weight)) << weight;
  EXPECT_EQ(expected.metadata.at("optimizer.critic"), "6");
  EXPECT_TRUE(std::filesystem::exists(whole / "critic.safetensors"));
}

TEST(Trainer, AStepLeavesNetworksAloneThatItDoesNotTrain) {
  const TemporaryFolder folder;
  Recipe recipe = recipe_fixture("adversarial.recipe");
  recipe.steps.erase(recipe.steps.begin());
  Trainer trainer(recipe, train_options(folder.path()));
  const TensorMap before = trainer.state().parameters;
  trainer.run(never());
  EXPECT_TRUE(trainer.state().parameters.at("critic.scores.weight") == before.at("critic.scores.weight"));
  EXPECT_FALSE(trainer.state().parameters.at("generator.second.weight") == before.at("generator.second.weight"));
}

// ---- numbers that are not finite

TrainEvents poison(const std::function<bool(int64_t)> &at, std::vector<std::string> &messages) {
  TrainEvents events;
  events.batch = [=](int64_t step, TensorMap &batch) {
    if (at(step)) batch.at("image").f32()[7] = std::numeric_limits<float>::quiet_NaN();
  };
  events.message = [&messages](const std::string &text) { messages.push_back(text); };
  return events;
}

TEST(Trainer, SkipsAStepWithANumberThatIsNotFiniteAndNamesIt) {
  const TemporaryFolder folder;
  const Recipe recipe = recipe_fixture("tiny.recipe");
  std::vector<std::string> messages;
  const Archive state =
      state_after(recipe, train_options(folder.path()), poison([](int64_t s) { return s == 4 || s == 5; }, messages));
  EXPECT_EQ(first_non_finite(state.tensors), "");
  EXPECT_EQ(state.metadata.at("optimizer.generator"), "18");
  ASSERT_GE(messages.size(), 2u);
  EXPECT_EQ(messages[0], "step 5 (generator): tensor 'image' is not finite; no update");
}

// Every file that the training writes, as soon as it is there.
void expect_finite_files(const std::filesystem::path &folder) {
  for (const auto &entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    EXPECT_EQ(first_non_finite(read_safetensors(entry.path()).tensors), "") << entry.path();
  }
}

// Not a number, infinite, and finite but too large for what is computed with it: of pictures and masks, at random.
TEST(Trainer, FiftyBadNumbersNeverReachTheDisk) {
  const TemporaryFolder folder;
  Recipe recipe = recipe_fixture("tiny.recipe");
  recipe.run_steps = 150;
  recipe.most_skips = 50;
  recipe.checkpoint_every = 1;
  recipe.validate_every = recipe.sample.every = 50;
  const float bad[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                       -std::numeric_limits<float>::infinity(), 3e38f, -3e38f};
  Draws draws(1, "bad numbers", 0);
  int injected = 0, skipped = 0, saves = 0;
  TrainEvents events;
  events.batch = [&](int64_t step, TensorMap &batch) {
    if (step % 3 != 1) return;
    StoredTensor &tensor = batch.at(draws.uniform() < 0.7 ? "image" : "mask");
    tensor.f32()[draws.integer(0, tensor.elements() - 1)] = bad[injected++ % std::size(bad)];
  };
  events.message = [&](const std::string &text) { skipped += text.find("no update") != std::string::npos ? 1 : 0; };
  events.saved = [&](const std::filesystem::path &) { saves++, expect_finite_files(folder.path()); };
  const Archive state = state_after(recipe, train_options(folder.path()), events);
  EXPECT_EQ(injected, 50);
  EXPECT_EQ(saves, 150);
  EXPECT_GE(skipped, 30);  // those that are finite need not spoil a step
  EXPECT_EQ(first_non_finite(state.tensors), "");
}

TEST(Trainer, StopsWhenTooManyStepsInARowAreSkipped) {
  const TemporaryFolder folder;
  const Recipe recipe = recipe_fixture("tiny.recipe");  // skips=2
  std::vector<std::string> messages;
  const std::string message = message_of(
      [&] { state_after(recipe, train_options(folder.path()), poison([](int64_t s) { return s >= 12; }, messages)); });
  EXPECT_NE(message.find("3 steps in a row"), std::string::npos) << message;
  const auto found = CheckpointFolder(folder / "checkpoints", 2).newest(nullptr);
  EXPECT_EQ(found.archive.metadata.at("step"), "10");
  EXPECT_EQ(first_non_finite(found.archive.tensors), "");
}

TEST(Trainer, StopsBeforeAnUpdateThatIsNotFiniteReachesTheDisk) {
  const TemporaryFolder folder;
  const Recipe recipe = recipe_fixture("tiny.recipe", {{"rate", "1e38"}});
  const std::string message = message_of([&] { state_after(recipe, train_options(folder.path())); });
  EXPECT_NE(message.find("not finite"), std::string::npos) << message;
  EXPECT_TRUE(CheckpointFolder(folder / "checkpoints", 2).files().empty() ||
              first_non_finite(CheckpointFolder(folder / "checkpoints", 2).newest(nullptr).archive.tensors).empty());
  for (const auto &entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().extension() != ".safetensors") continue;
    EXPECT_EQ(first_non_finite(read_safetensors(entry.path()).tensors), "") << entry.path();
  }
}

// ---- stopping and what is refused

TEST(Trainer, StoppedItSavesAndGoesOnWithTheSameBits) {
  const TemporaryFolder whole, parts;
  const Recipe recipe = recipe_fixture("tiny.recipe");
  const Archive expected = state_after(recipe, train_options(whole.path()));
  std::atomic<bool> stop{false};
  TrainEvents events;
  events.batch = [&](int64_t step, TensorMap &) { stop = step == 6; };
  try {
    Trainer(recipe, train_options(parts.path()), events).run(stop);
    FAIL() << "it was not interrupted";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::interrupted);
  }
  EXPECT_TRUE(std::filesystem::exists(parts / "checkpoints" / "step-000000000007.safetensors"));
  const Archive resumed = state_after(recipe, train_options(parts.path(), "latest"));
  for (const auto &[name, tensor] : expected.tensors) EXPECT_TRUE(tensor == resumed.tensors.at(name)) << name;
}

TEST(Trainer, ResumesOnlyWhatFits) {
  const TemporaryFolder folder;
  const Recipe recipe = recipe_fixture("tiny.recipe");
  TrainOptions options = train_options(folder.path());
  options.steps = 2;
  state_after(recipe, options);
  EXPECT_NE(message_of([&] { Trainer(recipe, train_options(folder.path())); }).find("--resume latest"),
            std::string::npos);
  TrainOptions other_seed = train_options(folder.path(), "latest");
  other_seed.seed = 9;
  EXPECT_NE(message_of([&] { Trainer(recipe, other_seed); }).find("seed 3, --seed says 9"), std::string::npos);
  Recipe changed = parse_recipe(recipe.text + "# a remark\n", recipe.file);
  EXPECT_NE(message_of([&] { Trainer(changed, train_options(folder.path(), "latest")); }).find("--changed-recipe"),
            std::string::npos);
  const Recipe faster = recipe_fixture("tiny.recipe", {{"rate", "0.1"}});
  EXPECT_NE(message_of([&] { Trainer(faster, train_options(folder.path(), "latest")); }).find("other parameters"),
            std::string::npos);
  TrainOptions allowed = train_options(folder.path(), "latest");
  allowed.changed_recipe = true;
  EXPECT_EQ(Trainer(changed, allowed).state().step, 2);
  changed.networks[0].parameters["width"] = "4";
  EXPECT_NE(message_of([&] { Trainer(changed, allowed); }).find("it does not fit the recipe"), std::string::npos);
}

TEST(Trainer, OneProcessAFolder) {
  const TemporaryFolder folder;
  const Recipe recipe = recipe_fixture("tiny.recipe");
  const Trainer first(recipe, train_options(folder.path()));
  EXPECT_NE(message_of([&] { Trainer(recipe, train_options(folder.path(), "latest")); }).find("another process"),
            std::string::npos);
}

TEST(Trainer, ADryRunLeavesNothing) {
  const TemporaryFolder folder;
  try_training(recipe_fixture("tiny.recipe"), train_options(folder / "out"), {}, never());
  EXPECT_TRUE(std::filesystem::is_empty(folder / "out"));
}

}  // namespace
}  // namespace sluice::testing
