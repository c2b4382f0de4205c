// SPDX-License-Identifier: Apache-2.0
// For the tests of training: recipes of tests/fixtures/training, folders that are removed, small runs.
#pragma once
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "runtime/trainer/trainer.h"
#include "tests/runtime/image/image_files.h"
#include "tests/support/fixture.h"

namespace sluice::testing {

using image_test::TemporaryFolder;

inline std::filesystem::path training_fixture(const std::string &name) { return fixture_path("training/" + name); }

inline std::string text_of(const std::filesystem::path &file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

inline Recipe recipe_fixture(const std::string &name, const std::map<std::string, std::string> &settings = {}) {
  return read_recipe(training_fixture(name), settings);
}

inline TrainOptions train_options(const std::filesystem::path &out, const std::string &resume = "") {
  TrainOptions options;
  options.out = out;
  options.resume = resume;
  options.find_graph = [](const std::string &graph) { return training_fixture(graph); };
  return options;
}

inline const std::atomic<bool> &never() {
  static const std::atomic<bool> flag{false};
  return flag;
}

// Everything that a training goes on from.
inline Archive state_after(const Recipe &recipe, const TrainOptions &options, const TrainEvents &events = {}) {
  Trainer trainer(recipe, options, events);
  trainer.run(never());
  return state_archive(trainer.state(), recipe.text);
}

}  // namespace sluice::testing
