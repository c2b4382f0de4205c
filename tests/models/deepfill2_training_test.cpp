// SPDX-License-Identifier: Apache-2.0
// The recipe of DeepFill v2 against an independent training in double: twenty rounds of discriminator and generator
// from the same weights on the same batches. The files are not in the repository: skipped without.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "runtime/graph_file.h"
#include "runtime/trainer/trained_step.h"
#include "runtime/training/gradients.h"
#include "tests/support/fixture.h"
#include "weights_io/names/names.h"

namespace sluice::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kRounds = 20;
// Ten times what a float32 run of the reference was off: losses relative, weights relative to how far they moved.
constexpr double kLossBound = 3e-5, kModelBound = 2e-3, kTensorBound = 2e-2;

fs::path source(const std::string &name) { return fs::path(SLUICE_SOURCE_DIR) / name; }
fs::path shared_fixture(const std::string &name) {
  const char *named = std::getenv("SLUICE_SHARED");
  const fs::path shared = named != nullptr ? fs::path(named) : source("../shared");
  return shared / "fixtures/training/deepfill2" / (name + ".safetensors");
}

// The weights of both networks by the names of a training, "<network>.<weight>".
TensorMap networks_of(const std::string &file) {
  const Archive archive = read_safetensors(shared_fixture(file));
  TensorMap all;
  const std::pair<const char *, const char *> networks[] = {{"generator", "G."}, {"discriminator", "D."}};
  for (const auto &[network, prefix] : networks) {
    Archive own{with_prefix(archive.tensors, prefix), {}};
    const std::string names = network == std::string("generator") ? "deepfill2" : "deepfill2_discriminator";
    if (network == std::string("discriminator")) {  // the names of a layer fixture: the weight before its norm
      TensorMap original;
      for (auto &[name, tensor] : own.tensors)
        original[name.ends_with(".weight") ? name + "_orig" : name] = std::move(tensor);
      own.tensors = std::move(original);
    }
    for (auto &[name, tensor] : apply_names(read_names(source("models/" + names + ".names")), own, file).tensors)
      all[std::string(network) + "." + name] = std::move(tensor);
  }
  return all;
}

double distance(const TensorMap &a, const TensorMap &b, const std::string &only = "") {
  double sum = 0;
  for (const auto &[name, tensor] : a) {
    if (name.ends_with("_u") || (!only.empty() && name != only)) continue;
    const StoredTensor &other = b.at(name);
    for (int64_t i = 0; i < tensor.elements(); i++) sum += std::pow(double(tensor.f32()[i]) - other.f32()[i], 2);
  }
  return std::sqrt(sum);
}

TrainingState first_state() {
  TrainingState state;
  for (auto &[name, tensor] : networks_of("initial")) {
    TensorMap &part = name.ends_with("_u") ? state.state : state.parameters;
    part[name] = std::move(tensor);
  }
  return state;
}

TEST(DeepFill2Training, TwentyRoundsAsTheReference) {
  if (!fs::exists(shared_fixture("batches")))
    GTEST_SKIP() << "the training fixtures are not in the repository: set SLUICE_SHARED to their folder";
  register_training();
  const Recipe recipe = read_recipe(source("models/recipes/deepfill2.recipe"),
                                    {{"width", "8"}, {"discriminator_width", "8"}, {"size", "64"}, {"batch", "2"}});
  std::map<std::string, Graph> networks;
  for (const RecipeNetwork &network : recipe.networks) {
    LoadOptions load;
    load.parameters = network.parameters;
    load.mode = "train";
    load.purpose = "training";
    networks[network.name] = read_graph(source("models/" + network.graph + ".graph"), parse_options(load));
  }
  TrainingState state = first_state();
  std::vector<std::unique_ptr<TrainedStep>> steps;
  for (const RecipeStep &step : recipe.steps) {
    const StepGraph graph = compose_step(recipe, step, networks, KernelTable::linked().composites());
    steps.push_back(std::make_unique<TrainedStep>(recipe, step, graph, state));
  }
  const TensorMap batches = read_safetensors(shared_fixture("batches")).tensors,
                  losses = read_safetensors(shared_fixture("losses")).tensors;
  const auto expect_loss = [&](const char *name, double value) {
    const double expected = losses.at(name).f32()[state.step];
    EXPECT_NEAR(value, expected, kLossBound * std::max(std::fabs(expected), 0.1)) << name << ", round " << state.step;
  };
  for (state.step = 0; state.step < kRounds; state.step++) {
    const std::string round = (state.step < 10 ? "0" : "") + std::to_string(state.step);
    const StepResult critic = steps[0]->run(with_prefix(batches, round + ".d."), state);
    const StepResult made = steps[1]->run(with_prefix(batches, round + ".g."), state);
    ASSERT_EQ(critic.not_finite + made.not_finite, "");
    expect_loss("loss.d", critic.total);
    expect_loss("loss.g_adversarial", made.losses.at("adversarial"));
    expect_loss("loss.l1_coarse", made.losses.at("coarse"));
    expect_loss("loss.l1_refined", made.losses.at("refined"));
  }
  const TensorMap first = networks_of("initial"), last = networks_of("final");
  EXPECT_LE(distance(state.parameters, last) / distance(last, first), kModelBound);
  for (const auto &[name, tensor] : state.parameters)
    EXPECT_LE(distance({{name, tensor}}, last) / distance(last, first, name), kTensorBound) << name;
}

}  // namespace
}  // namespace sluice::testing
