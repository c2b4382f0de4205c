// SPDX-License-Identifier: Apache-2.0
// The graph of a recipe's step: its networks, called on the data and on each other, and the losses between them, as one
// graph that any model can be made of.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "runtime/graph.h"
#include "runtime/trainer/gradient_penalty.h"
#include "runtime/trainer/picture_pool.h"
#include "runtime/trainer/recipe.h"

namespace sluice {

// sum of weight * tensor is what the step makes small; each tensor is one number.
struct Objective {
  std::string tensor;
  double weight = 1;
  bool is_penalty = false;  // then that number is made on the way, and `tensor` is the penalty's name
};

// Random numbers [n width], new in every step: between 0 and 1, or of a normal distribution.
struct RandomInput {
  std::string name;
  bool normal = true;
  int64_t width = 1;
};

struct StepGraph {
  Graph graph;
  std::vector<Objective> objectives;
  std::vector<GradientPenalty> penalties;
  std::vector<RandomInput> random;
  std::vector<PicturePool> pools;
  std::vector<std::string> networks;  // that are called
  std::vector<std::string> still;     // of them, those whose state the step leaves as it is
  std::string image_order;            // "bgr" or "rgb": of the pictures that its input wants
};

// In the step's lines
//   call NETWORK [from a,b] [as=NAME]    the network's nodes, its inputs in their order bound to these tensors (by
//                                        default to those of their own names). Its tensors, nodes and outputs are then
//                                        NAME.x (NETWORK.x); its weights NETWORK.x, however often it is called
//        ... [still=true]                what the step makes of this network's state is dropped behind it
//   minimise TENSOR [weight=1]
//   random NAME normal|uniform [width=1] a tensor [n width]
//   pool NAME from TENSOR [size=50]      the tensor through a pool of earlier ones
//   penalty NAME from SCORE at=TENSOR [centre=0] [weight=1]
//                                        minimises the mean over samples of (|d sum(SCORE) / d TENSOR| - centre)^2
//   everything else                      nodes, as in a graph file
// and the tensors of the data have the names that the recipe's kind of data gives them, in the units of the first
// network that is called on them.
// `networks`: by name, read for training. Error bad_file with file and line.
StepGraph compose_step(const Recipe &recipe, const RecipeStep &step, const std::map<std::string, Graph> &networks,
                       const std::map<std::string, std::string> &composites);

}  // namespace sluice
