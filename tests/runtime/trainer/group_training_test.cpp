// SPDX-License-Identifier: Apache-2.0
// Trainings by several processes (threads in their role; cli_mpi_test.py has real ones): equal to one process with the
// whole batch, the same bits in all of them and from run to run, stopped and failing together.
#include <cmath>
#include <limits>

#include "tests/runtime/trainer/thread_group.h"
#include "tests/runtime/trainer/trainer_support.h"

namespace sluice::testing {
namespace {

using Change = std::function<void(int rank, TrainOptions &options, TrainEvents &events)>;

struct Outcome {
  std::vector<Archive> states;  // by rank
  std::vector<std::string> errors;
};

// `batch`: of each process.
Outcome train_in_group(int processes, Recipe recipe, int64_t batch, const std::filesystem::path &out,
                       const std::string &resume = "", const Change &change = {},
                       const std::vector<std::atomic<bool>> &stop = {}) {
  recipe.data.batch = batch;
  Outcome outcome;
  outcome.states.resize(static_cast<size_t>(processes));
  outcome.errors = ThreadGroups(processes).run([&](ProcessGroup &group) {
    TrainOptions options = train_options(out, resume);
    options.group = &group;
    TrainEvents events;
    if (change) change(group.rank(), options, events);
    Trainer trainer(recipe, options, events);
    trainer.run(stop.empty() ? never() : stop[static_cast<size_t>(group.rank())]);
    outcome.states[static_cast<size_t>(group.rank())] = state_archive(trainer.state(), recipe.text);
  });
  return outcome;
}

Outcome succeed_in_group(int processes, const Recipe &recipe, int64_t batch, const std::filesystem::path &out,
                         const std::string &resume = "", const Change &change = {}) {
  Outcome outcome = train_in_group(processes, recipe, batch, out, resume, change);
  for (const std::string &error : outcome.errors) EXPECT_EQ(error, "");
  return outcome;
}

// The largest difference of a weight, its state or its average.
double difference(const Archive &a, const Archive &b) {
  double largest = 0;
  for (const auto &[name, tensor] : a.tensors) {
    if (name.starts_with("optimizer.")) continue;
    const float *x = tensor.f32(), *y = b.tensors.at(name).f32();
    for (int64_t i = 0; i < tensor.elements(); i++)
      largest = std::max(largest, std::fabs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
  }
  return largest;
}

void expect_same_bits(const Archive &a, const Archive &b) {
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (const auto &[name, tensor] : a.tensors) EXPECT_TRUE(tensor == b.tensors.at(name)) << name;
}

TEST(GroupTraining, IsThatOfOneProcessWithTheWholeBatch) {
  for (const char *name : {"tiny.recipe", "tiny_norm.recipe", "adversarial.recipe"}) {
    Recipe recipe = recipe_fixture(name);
    recipe.run_steps = 6;
    const TemporaryFolder one;
    const Archive expected = succeed_in_group(1, recipe, 6, one.path()).states[0];
    for (const int processes : {2, 3}) {
      const TemporaryFolder folder, again;
      const Outcome made = succeed_in_group(processes, recipe, 6 / processes, folder.path());
      EXPECT_LT(difference(made.states[0], expected), 1e-5) << name << ", " << processes << " processes";
      for (const Archive &state : made.states) expect_same_bits(state, made.states[0]);
      expect_same_bits(succeed_in_group(processes, recipe, 6 / processes, again.path()).states[0], made.states[0]);
    }
  }
}

TEST(GroupTraining, AnotherShareOfTheBatchIsAnotherTraining) {
  const TemporaryFolder one, other;
  const Recipe recipe = recipe_fixture("tiny.recipe");
  const Archive first = succeed_in_group(1, recipe, 2, one.path()).states[0];
  EXPECT_GT(difference(succeed_in_group(2, recipe, 2, other.path()).states[0], first), 1e-3);
}

TEST(GroupTraining, ResumesWithTheSameBitsAndInAnotherNumberOfProcesses) {
  const TemporaryFolder whole, parts;
  const Recipe recipe = recipe_fixture("tiny.recipe");
  const Archive expected = succeed_in_group(2, recipe, 2, whole.path()).states[0];
  const Change until = [](int, TrainOptions &options, TrainEvents &) { options.steps = 9; };
  succeed_in_group(2, recipe, 2, parts.path(), "latest", until);
  const std::filesystem::path copy = parts / "copy";
  std::filesystem::create_directories(copy);
  std::filesystem::copy(parts / "checkpoints", copy / "checkpoints", std::filesystem::copy_options::recursive);
  const Outcome resumed = succeed_in_group(2, recipe, 2, parts.path(), "latest");
  for (const Archive &state : resumed.states) expect_same_bits(state, expected);
  const Outcome others = train_in_group(4, recipe, 2, copy, "latest");
  for (const std::string &error : others.errors)
    EXPECT_NE(error.find("made with 4 pictures an update, 4 of 2 now"), std::string::npos) << error;
  EXPECT_LT(difference(succeed_in_group(4, recipe, 1, copy, "latest").states[0], expected), 1e-4);
}

TEST(GroupTraining, OnlyTheFirstWrites) {
  const TemporaryFolder folder;
  Recipe recipe = recipe_fixture("tiny.recipe");
  recipe.run_steps = 3;
  succeed_in_group(2, recipe, 2, folder / "0", "", [&](int rank, TrainOptions &options, TrainEvents &) {
    options.out = folder / std::to_string(rank);
  });
  EXPECT_TRUE(std::filesystem::exists(folder / "0" / "generator.safetensors"));
  EXPECT_FALSE(std::filesystem::exists(folder / "1"));
}

TEST(GroupTraining, ANumberThatIsNotFiniteInOneIsSkippedByAll) {
  const TemporaryFolder folder;
  Recipe recipe = recipe_fixture("tiny.recipe");
  recipe.validate_every = recipe.sample.every = 0;
  std::vector<std::string> messages;
  const Outcome made =
      succeed_in_group(2, recipe, 2, folder.path(), "", [&](int rank, TrainOptions &, TrainEvents &events) {
        events.batch = [rank](int64_t step, TensorMap &batch) {
          if (rank == 1 && step == 4) batch.at("image").f32()[7] = std::numeric_limits<float>::quiet_NaN();
        };
        if (rank == 0) events.message = [&](const std::string &text) { messages.push_back(text); };
      });
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0], "step 5 (generator): tensor 'image' in process 1 is not finite; no update");
  EXPECT_EQ(made.states[0].metadata.at("optimizer.generator"), "19");
  expect_same_bits(made.states[0], made.states[1]);
}

TEST(GroupTraining, StoppedInOneAllStopBehindTheSameStep) {
  const TemporaryFolder folder;
  const Recipe recipe = recipe_fixture("tiny.recipe");
  std::vector<std::atomic<bool>> stop(2);
  const Outcome made = train_in_group(
      2, recipe, 2, folder.path(), "",
      [&](int rank, TrainOptions &, TrainEvents &events) {
        events.batch = [&stop, rank](int64_t step, TensorMap &) {
          if (rank == 1 && step == 6) stop[1] = true;
        };
      },
      stop);
  EXPECT_EQ(made.errors[0], made.errors[1]);
  EXPECT_EQ(made.errors[0], "interrupted after step 7; --resume latest goes on");
  EXPECT_TRUE(std::filesystem::exists(folder / "checkpoints" / "step-000000000007.safetensors"));
}

TEST(GroupTraining, WhatIsWrongInOneIsSaidByAll) {
  const TemporaryFolder folder;
  const Recipe recipe = recipe_fixture("tiny.recipe");
  const Outcome other = train_in_group(
      2, recipe, 2, folder / "a", "", [](int rank, TrainOptions &options, TrainEvents &) { options.steps = 5 + rank; });
  EXPECT_EQ(other.errors, std::vector<std::string>(2, "process 1 has another number of steps than process 0"));
  image_test::save(folder / "file", image_test::to_bytes("in the way"));
  const Outcome folders = train_in_group(2, recipe, 2, folder / "file");
  EXPECT_EQ(folders.errors[0], folders.errors[1]);
  EXPECT_TRUE(folders.errors[0].starts_with("process 0: ")) << folders.errors[0];
}

TEST(GroupTraining, ADryRunLeavesNothing) {
  const TemporaryFolder folder;
  const auto errors = ThreadGroups(2).run([&](ProcessGroup &group) {
    TrainOptions options = train_options(folder / "out");
    options.group = &group;
    try_training(recipe_fixture("tiny.recipe"), options, {}, never());
  });
  EXPECT_EQ(errors, std::vector<std::string>(2));
  EXPECT_TRUE(std::filesystem::is_empty(folder / "out"));
}

}  // namespace
}  // namespace sluice::testing
