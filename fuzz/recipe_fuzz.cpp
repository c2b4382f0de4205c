// SPDX-License-Identifier: Apache-2.0
// Fuzz target: recipes of trainings, and the graphs that their steps are composed of, all networks being one small
// graph.
#include "runtime/trainer/recipe.h"

#include <string>

#include "fuzz/examine.h"
#include "runtime/graph_file.h"
#include "runtime/trainer/step_graph.h"

namespace {

constexpr const char *kNetwork = R"(model m multiple=2
input image [n 3 h w] scale=1/127.5 offset=-1 order=bgr
input mask [n 1 h w]
input ones [n 1 h w] value=1
smooth made from image,mask,ones
output filled from made [n 3 h w]
)";
constexpr const char *kLoss =
    "op loss from input,target? to output\n  mean {node} from {input} to {output} {attributes}\nend\n";

void check_graph(const sluice::StepGraph &step) {
  sluice::fuzz::require(!step.objectives.empty(), "a step minimises something");
  std::map<std::string, bool> made;
  for (const sluice::GraphInput &input : step.graph.inputs) made[input.name] = true;
  for (const sluice::Node &node : step.graph.nodes) {
    for (const std::string &input : node.inputs)
      sluice::fuzz::require(made.count(input) != 0, "tensors are made before they are read");
    for (const std::string &output : node.outputs)
      sluice::fuzz::require(made.emplace(output, true).second, "each tensor is made once");
  }
  for (const sluice::Objective &objective : step.objectives)
    sluice::fuzz::require(made.count(objective.tensor) != 0, "what is minimised is made");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size) {
  using namespace sluice;
  const std::string text(reinterpret_cast<const char *>(data), size);
  Recipe recipe;
  if (!fuzz::is_accepted(size, [&] { recipe = parse_recipe(text, fuzz::kInputName); })) return 0;
  fuzz::require(recipe.text == text, "a recipe keeps its text");
  static const Graph network = parse_graph(kNetwork, "network");
  std::map<std::string, Graph> networks;
  for (const RecipeNetwork &one : recipe.networks) networks[one.name] = network;
  for (const RecipeStep &step : recipe.steps) {
    StepGraph graph;
    if (fuzz::succeeds(size, [&] { graph = compose_step(recipe, step, networks, {{"loss", kLoss}}); }))
      check_graph(graph);
  }
  return 0;
}
