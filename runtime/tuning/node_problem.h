// SPDX-License-Identifier: Apache-2.0
// One node of a network with the tensors of a run, to be computed by any kernel of its layer.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/model.h"

namespace sluice::tuning {

class NodeProblem {
 public:
  // `plan` keeps all tensors and has been executed in `arena`. algorithm: "fastest", as the model has the node, or
  // "direct".
  NodeProblem(const Model &model, const ExecutionPlan &plan, float *arena, const PlannedStep &step,
              const std::string &algorithm);

  const LayerNode &layer() const { return *layer_; }
  const Kernel &shipped() const { return layer_->kernel("forward"); }
  // A kernel of these ports that lies elsewhere.
  Kernel other(const std::string &symbol, int (*call)(void **)) const;
  void run(const Kernel &kernel) const;

  void spoil() const;                 // makes every value of the outputs NaN
  std::vector<float> result() const;  // the outputs' values, one output after the other

 private:
  BufferView operand(const std::string &argument, int64_t group) const;
  void pack();

  const Model &model_;
  std::unique_ptr<Node> node_;  // with another algorithm
  std::unique_ptr<LayerNode> layer_;
  std::map<std::string, BufferView> tensors_;                           // by port
  std::map<std::string, std::unique_ptr<std::vector<float>>> outputs_;  // the memory of those that are written
  std::vector<std::map<std::string, std::vector<float>>> packed_;       // one a group
  std::map<std::string, Extents> packed_extents_;
};

// Why `got` is not what `expected` is; empty where it is. same_sums: the bits must be equal; else, as another algorithm
// or another order of sums gives them, within a relative L2 of 3e-6: Winograd's own bound is 1.5e-6 of the exact
// result.
std::string difference(const std::vector<float> &expected, const std::vector<float> &got, bool same_sums);

}  // namespace sluice::tuning
