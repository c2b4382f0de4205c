// SPDX-License-Identifier: Apache-2.0
// The weights a network begins with.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "runtime/graph.h"
#include "runtime/trainer/recipe.h"
#include "weights_io/tensor.h"

namespace sluice {

// Parameters are what gradients change; state (running statistics, vectors of the spectral norm) is what runs change.
struct NetworkWeights {
  TensorMap parameters, state;
};

// Of a graph read for training, for pictures of that size, under the graph's own names: from the recipe's weights file
// (`weights`, empty for none) or by its formula. Weights of two dimensions and more are drawn from a uniform
// distribution (glorot: fan-in and fan-out of each tensor by itself; kaiming: fan-in, for the node's activation;
// guidenet: fan-in, the variance of the published GuideNet), times gain; vectors get the value that changes nothing.
// What is drawn depends on seed and name alone.
NetworkWeights start_weights(const Graph &graph, const RecipeNetwork &network, const RecipeData &data, uint64_t seed,
                             const std::filesystem::path &weights);

}  // namespace sluice
