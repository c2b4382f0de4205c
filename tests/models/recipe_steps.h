// SPDX-License-Identifier: Apache-2.0
// The steps of a recipe that ships, with given weights or those it begins with.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "runtime/graph_file.h"
#include "runtime/trainer/start_weights.h"
#include "runtime/trainer/trained_step.h"
#include "runtime/training/gradients.h"

namespace sluice::testing {

inline std::filesystem::path source_file(const std::string &name) {
  return std::filesystem::path(SLUICE_SOURCE_DIR) / name;
}

// A training of an independent reference; these files are not in the repository.
inline std::filesystem::path reference_training(const std::string &name) {
  const char *named = std::getenv("SLUICE_SHARED");
  const std::filesystem::path shared = named != nullptr ? std::filesystem::path(named) : source_file("../shared");
  return shared / "fixtures/training" / (name + ".safetensors");
}

// A model's name, or a file beside the recipes.
inline std::filesystem::path graph_of_recipe(const std::string &graph) {
  return source_file(graph.ends_with(".graph") ? "models/recipes/" + graph : "models/" + graph + ".graph");
}

class RecipeSteps {
 public:
  // mode: "train", or "eval" for norms with the statistics that are stored.
  RecipeSteps(const std::string &name, const std::map<std::string, std::string> &settings,
              const std::string &mode = "train")
      : recipe(read_recipe(source_file("models/recipes/" + name + ".recipe"), settings)), mode_(mode) {
    register_training();
  }

  // The weights that a training begins with.
  void draw(uint64_t seed) {
    for (const RecipeNetwork &network : recipe.networks) {
      NetworkWeights weights = start_weights(read(network, "inference"), network, recipe.data, seed, {});
      for (auto &[name, tensor] : weights.parameters) state.parameters[network.name + "." + name] = std::move(tensor);
      for (auto &[name, tensor] : weights.state) state.state[network.name + "." + name] = std::move(tensor);
    }
  }

  // After the state has its weights.
  void make() {
    std::map<std::string, Graph> networks;
    for (const RecipeNetwork &network : recipe.networks) networks[network.name] = read(network, "training");
    for (const RecipeStep &step : recipe.steps) {
      const StepGraph graph = compose_step(recipe, step, networks, KernelTable::linked().composites());
      steps.push_back(std::make_unique<TrainedStep>(recipe, step, graph, state));
    }
  }

  Recipe recipe;
  TrainingState state;
  std::vector<std::unique_ptr<TrainedStep>> steps;

 private:
  Graph read(const RecipeNetwork &network, const std::string &purpose) const {
    LoadOptions load;
    load.parameters = network.parameters;
    load.mode = mode_;
    load.purpose = purpose;
    return read_graph(graph_of_recipe(network.graph), parse_options(load));
  }

  std::string mode_;
};

}  // namespace sluice::testing
