// SPDX-License-Identifier: Apache-2.0
// The steps of a recipe that ships, with given weights or those it begins with.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "runtime/graph_file.h"
#include "runtime/trainer/start_weights.h"
#include "runtime/trainer/trained_step.h"
#include "runtime/training/gradients.h"
#include "tests/support/fixture.h"
#include "weights_io/safetensors.h"

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

inline TensorMap read_reference(const std::string &name) { return read_safetensors(reference_training(name)).tensors; }
constexpr const char *kNoReference =
    "the training fixtures are not in the repository: set SLUICE_SHARED to their folder";

// Euclidean distance of two sets of weights; the second may hold more than the first.
inline double distance(const TensorMap &a, const TensorMap &b) {
  double sum = 0;
  for (const auto &[name, tensor] : a) {
    const StoredTensor &other = b.at(name);
    for (int64_t i = 0; i < tensor.elements(); i++) sum += std::pow(double(tensor.f32()[i]) - other.f32()[i], 2);
  }
  return std::sqrt(sum);
}

// How far weights are from those that a training ended with, in parts of the way from its first: all together, and
// each tensor; a tensor that did not move must not here.
inline void expect_arrival(const TensorMap &own, const TensorMap &first, const TensorMap &last, double all_bound,
                           double tensor_bound) {
  TensorMap from;
  for (const auto &[name, tensor] : own) from[name] = first.at(name);
  const double off = distance(own, last) / distance(from, last);
  std::cout << "weights off by " << off << " of their way\n";
  EXPECT_LE(off, all_bound);
  for (const auto &[name, tensor] : own)
    EXPECT_LE(distance({{name, tensor}}, last), tensor_bound * distance({{name, first.at(name)}}, last)) << name;
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
      : RecipeSteps(read_recipe(source_file("models/recipes/" + name + ".recipe"), settings), mode) {}
  explicit RecipeSteps(Recipe given, const std::string &mode = "train") : recipe(std::move(given)), mode_(mode) {
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
