// SPDX-License-Identifier: Apache-2.0
// The measuring of kernels on the nodes of a network: what a child process does for the tuner.
#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "runtime/arena.h"
#include "runtime/tuning/node_problem.h"
#include "runtime/tuning/paired_timing.h"

namespace sluice::tuning {

struct MeasureRequest {
  size_t step = 0;                    // of the plan
  std::string algorithm = "fastest";  // of the kernel that is measured; it is compared with the node's own
  std::filesystem::path library;      // a candidate's shared object; empty: the shipped kernel of that algorithm
  bool same_sums = true;              // see difference()
  double seconds = 0.2;
  int fewest = 5;  // pairs
};
std::string to_line(const MeasureRequest &request);
MeasureRequest request_from_line(const std::string &line);

class NodeBench {
 public:
  // Runs the network once, on kernels of `threads` threads. The model and the plan, which keeps all tensors, stay.
  NodeBench(const Model &model, const ExecutionPlan &plan, const TensorMap &inputs, int threads);

  // The node's own kernel in turn with another one, of the same result. Error input_failed: what is wrong with it.
  Comparison measure(const MeasureRequest &request);

 private:
  const NodeProblem &problem(size_t step, const std::string &algorithm);

  const Model &model_;
  const ExecutionPlan &plan_;
  Arena arena_;
  size_t step_ = 0;
  std::map<std::string, std::unique_ptr<NodeProblem>> problems_;  // of step_, by algorithm
};

}  // namespace sluice::tuning
