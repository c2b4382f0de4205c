// SPDX-License-Identifier: Apache-2.0
// A recipe: what is trained, on what, by which losses, how long. Plain data, as docs/training.md describes the file.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/trainer/data_kind.h"
#include "runtime/trainer/masks.h"
#include "runtime/training/optimizer.h"

namespace sluice {

struct RecipeNetwork {
  std::string name, graph;                        // graph: a model's name or a file
  std::map<std::string, std::string> parameters;  // of the graph
  std::string initial = "glorot";                 // or "kaiming", "guidenet"
  double gain = 1;                                // what initial weights are multiplied by
  std::string weights;                            // a file to begin with instead; empty: none
  int line = 0;
};

struct RecipeData {
  int width = 256, height = 256;
  int64_t batch = 16;
  int threads = 1;
  std::shared_ptr<const DataKind> kind;
};

// One kind of update: a graph of networks and losses, and who learns from it. Steps take turns.
struct RecipeStep {
  std::string name;
  std::vector<std::string> trains;  // networks
  int64_t updates = 1;              // of a round: a critic may have several
  std::string body;                 // graph lines, `call` and `minimise`; its first line is that below `line`
  OptimizerOptions optimizer;
  std::string learning_rate;  // as LearningRate::parse takes it
  double clip_norm = 0;       // 0: gradients are not clipped
  int line = 0;
};

struct RecipeSample {
  int64_t every = 0;  // 0: no samples
  int64_t count = 4;
  std::string network, output;
};

struct Recipe {
  std::string file, text, name;
  std::map<std::string, std::string> parameters;
  std::vector<RecipeNetwork> networks;
  RecipeData data;
  MaskOptions masks;
  std::vector<RecipeStep> steps;
  double average_decay = 0;  // of the running mean of the weights; 0: none
  int64_t run_steps = 1000;
  uint64_t seed = 1;
  int64_t log_every = 20;
  int64_t checkpoint_every = 500, checkpoint_keep = 3;
  int64_t validate_every = 0, validate_batches = 1;
  int64_t most_skips = 10;  // steps in a row that may be left out because a number was not finite
  RecipeSample sample;
};

// Error bad_file with "file:line: ...", usage when an override names no parameter of the recipe.
Recipe parse_recipe(const std::string &text, const std::string &file,
                    const std::map<std::string, std::string> &overrides = {});
// The same from a file; Error not_found when there is none.
Recipe read_recipe(const std::filesystem::path &path, const std::map<std::string, std::string> &overrides = {});

}  // namespace sluice
