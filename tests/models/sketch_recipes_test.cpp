// SPDX-License-Identifier: Apache-2.0
// The recipes of Interactive Sketch & Fill on computed figures, narrow and small: what they learn, and the bits of a
// training that was stopped.
#include <map>

#include "tests/runtime/trainer/trainer_support.h"

namespace sluice::testing {
namespace {

namespace fs = std::filesystem;

fs::path source(const std::string &name) { return fs::path(SLUICE_SOURCE_DIR) / name; }

using Settings = std::map<std::string, std::string>;

Recipe small_shape(const Settings &more = {}) {
  Settings settings = {{"width", "4"}, {"size", "32"}, {"classes", "3"},
                       {"noise", "4"}, {"batch", "4"}, {"rate", "1e-3"}};
  settings.insert(more.begin(), more.end());
  return read_recipe(source("models/recipes/sketchfill_shape.recipe"), settings);
}

Recipe small_appearance(const std::string &gate) {
  return read_recipe(source("models/recipes/sketchfill_appearance.recipe"), {{"width", "6"},
                                                                             {"blocks", "8"},
                                                                             {"down", "1"},
                                                                             {"critic_blocks", "8"},
                                                                             {"critic_down", "1"},
                                                                             {"size", "16"},
                                                                             {"classes", "3"},
                                                                             {"batch", "4"},
                                                                             {"rate", "5e-3"},
                                                                             {"critic_rate", "3e-3"},
                                                                             {"gate", gate}});
}

TrainOptions options_at(const fs::path &out, const std::string &resume = "") {
  TrainOptions options = train_options(out, resume);
  options.find_graph = [](const std::string &graph) { return source("models/" + graph + ".graph"); };
  return options;
}

// Means of the losses over parts of a training, by "STEP.LOSS".
using Losses = std::map<std::string, double>;
std::vector<Losses> losses_of(Recipe recipe, int64_t steps, int64_t every) {
  const TemporaryFolder folder;
  recipe.run_steps = steps, recipe.log_every = every, recipe.checkpoint_every = steps, recipe.sample.every = steps;
  std::vector<Losses> parts;
  TrainEvents events;
  events.report = [&](const TrainReport &report) { parts.emplace_back(report.losses.begin(), report.losses.end()); };
  state_after(recipe, options_at(folder.path()), events);
  EXPECT_TRUE(fs::exists(folder / (recipe.steps.back().trains[0] + ".safetensors")));
  return parts;
}

// The critic alone, against a generator that stands still. Two losses of almost no weight tell its mean scores.
std::vector<Losses> losses_of_critic(Recipe recipe) {
  recipe.steps.pop_back();
  for (const std::string pair : {"made", "true"}) {
    recipe.steps[0].body +=
        "loss score_" + pair + " from of_" + pair + ".score loss=wgan_real\nminimise score_" + pair + " weight=1e-12\n";
  }
  return losses_of(recipe, 60, 20);
}

// Made pairs have large scores, true ones small ones.
TEST(SketchRecipes, TheCriticOfShapesTellsMadePairs) {
  const std::vector<Losses> parts = losses_of_critic(small_shape());
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_GT(parts[2].at("discriminator.score_made") - parts[2].at("discriminator.score_true"), 0.3);
}

// Made pairs have scores of 0, true ones of 1.
TEST(SketchRecipes, TheCriticOfAppearancesTellsMadePairs) {
  const std::vector<Losses> parts = losses_of_critic(small_appearance("stochastic"));
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_NEAR(parts[2].at("discriminator.score_made"), 0, 0.25);
  EXPECT_NEAR(parts[2].at("discriminator.score_true"), 1, 0.25);
  EXPECT_LT(parts[2].at("discriminator.made") + parts[2].at("discriminator.true"), 0.4);  // 1/2: equal scores
}

// Pictures of L1 alone, by any gate, and of the whole recipe.
TEST(SketchRecipes, PicturesComeNearerToTheirTruth) {
  const auto expect_nearer = [](const Recipe &recipe, const std::string &which) {
    const std::vector<Losses> parts = losses_of(recipe, 40, 10);
    ASSERT_EQ(parts.size(), 4u);
    EXPECT_LT(parts[3].at("generator.likeness"), 0.8 * parts[0].at("generator.likeness")) << which;
  };
  const std::string adversarial = "minimise adversarial\n";
  for (const char *gate : {"stochastic", "channel", "vanilla"}) {
    Recipe recipe = small_appearance(gate);
    if (std::string(gate) == "stochastic") expect_nearer(recipe, "with its critic");
    recipe.steps.erase(recipe.steps.begin());
    std::string &body = recipe.steps[0].body;
    ASSERT_NE(body.find(adversarial), std::string::npos) << body;
    body.replace(body.find(adversarial), adversarial.size(), "\n");
    expect_nearer(recipe, gate);
  }
}

TEST(SketchRecipes, StoppedAndResumedTheyHaveTheBitsOfOneThatRanThrough) {
  for (Recipe recipe : {small_shape({{"steps", "5"}, {"decay", "2"}}), small_appearance("stochastic")}) {
    const TemporaryFolder whole, parts;
    recipe.run_steps = 5, recipe.sample.every = 0;
    const Archive expected = state_after(recipe, options_at(whole.path()));
    for (const int64_t until : {2, 3}) {
      TrainOptions options = options_at(parts.path(), "latest");
      options.steps = until;
      state_after(recipe, options);
    }
    const Archive resumed = state_after(recipe, options_at(parts.path(), "latest"));
    ASSERT_EQ(resumed.tensors.size(), expected.tensors.size());
    for (const auto &[name, tensor] : expected.tensors) EXPECT_TRUE(tensor == resumed.tensors.at(name)) << name;
    EXPECT_EQ(expected.tensors.at("pool.discriminator.made_pair").shape[0], 20);
  }
}

}  // namespace
}  // namespace sluice::testing
