// SPDX-License-Identifier: Apache-2.0
// The recipe of Interactive Sketch & Fill's first stage against an independent training in double: ten rounds of
// critic, with its gradient penalty, and generator from the same weights on the same batches. The files are not in the
// repository: skipped without.
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

constexpr int kRounds = 10;
// Ten times what a float32 run of the reference was off: losses relative, weights relative to how far they moved.
constexpr double kLossBound = 4e-6, kModelBound = 2e-4, kTensorBound = 3e-3;

fs::path source(const std::string &name) { return fs::path(SLUICE_SOURCE_DIR) / name; }
fs::path shared_fixture(const std::string &name) {
  const char *named = std::getenv("SLUICE_SHARED");
  const fs::path shared = named != nullptr ? fs::path(named) : source("../shared");
  return shared / "fixtures/training/sketch_wgan_gp" / (name + ".safetensors");
}

bool is_state(const std::string &name) { return name.ends_with("_u") || name.ends_with("_v"); }

// The weights of both networks by the names of a training, "<network>.<weight>".
TensorMap networks_of(const std::string &file) {
  const Archive archive = read_safetensors(shared_fixture(file));
  TensorMap all;
  const std::array<const char *, 3> networks[] = {{"generator", "G.", "sketchfill_shape"},
                                                  {"discriminator", "D.", "sketchfill_shape_discriminator"}};
  for (const auto &[network, prefix, names] : networks) {
    const Archive own{with_prefix(archive.tensors, prefix), {}};
    const NamesFile known = read_names(source(std::string("models/") + names + ".names"));
    for (auto &[name, tensor] : apply_names(known, own, file).tensors)
      all[std::string(network) + "." + name] = std::move(tensor);
  }
  return all;
}

double distance(const TensorMap &a, const TensorMap &b, const std::string &only = "") {
  double sum = 0;
  for (const auto &[name, tensor] : a) {
    if (is_state(name) || (!only.empty() && name != only)) continue;
    const StoredTensor &other = b.at(name);
    for (int64_t i = 0; i < tensor.elements(); i++) sum += std::pow(double(tensor.f32()[i]) - other.f32()[i], 2);
  }
  return std::sqrt(sum);
}

TEST(SketchTraining, TenRoundsAsTheReference) {
  if (!fs::exists(shared_fixture("batches")))
    GTEST_SKIP() << "the training fixtures are not in the repository: set SLUICE_SHARED to their folder";
  register_training();
  std::string text = read_recipe(source("models/recipes/sketchfill_shape.recipe")).text;
  // The reference has no pool; its rate is constant.
  const std::string pool = "  pool   made_pair from new_pair size=50\n";
  ASSERT_NE(text.find(pool), std::string::npos);
  text.replace(text.find(pool), pool.size(), "  activation made_pair from new_pair activation=none\n");
  const Recipe recipe =
      parse_recipe(text, "sketchfill_shape.recipe",
                   {{"width", "2"}, {"size", "64"}, {"classes", "3"}, {"noise", "6"}, {"batch", "2"}});
  std::map<std::string, Graph> networks;
  for (const RecipeNetwork &network : recipe.networks) {
    LoadOptions load;
    load.parameters = network.parameters;
    load.mode = "train";
    load.purpose = "training";
    networks[network.name] = read_graph(source("models/" + network.graph + ".graph"), parse_options(load));
  }
  TrainingState state;
  for (auto &[name, tensor] : networks_of("initial")) {
    TensorMap &part = is_state(name) ? state.state : state.parameters;
    part[name] = std::move(tensor);
  }
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
    TensorMap batch = with_prefix(batches, "0" + std::to_string(state.step) + ".");
    for (const auto &[given, ours] :
         {std::pair("partial", "sketch"), std::pair("full", "drawing"), std::pair("epsilon", "share")})
      batch[ours] = batch.at(given);
    StoredTensor &share = batch.at("share");
    share.shape = {2, 1};
    for (int64_t n = 0; n < 2; n++) share.f32()[n] = 1 - share.f32()[n];  // that of the reference is the made pair's
    const StepResult critic = steps[0]->run(batch, state);
    const StepResult made = steps[1]->run(batch, state);
    ASSERT_EQ(critic.not_finite + made.not_finite, "");
    expect_loss("loss.d_fake", -critic.losses.at("made"));
    expect_loss("loss.d_real", critic.losses.at("true"));
    expect_loss("loss.penalty", critic.losses.at("slope"));
    expect_loss("loss.g", made.losses.at("adversarial"));
  }
  const TensorMap first = networks_of("initial"), last = networks_of("final");
  EXPECT_LE(distance(state.parameters, last) / distance(last, first), kModelBound);
  for (const auto &[name, tensor] : state.parameters) {
    const double moved = distance(last, first, name);  // 0: the critic's last bias, which its two scores share
    EXPECT_LE(distance({{name, tensor}}, last), kTensorBound * moved) << name;
  }
}

}  // namespace
}  // namespace sluice::testing
