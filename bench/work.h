// SPDX-License-Identifier: Apache-2.0
// Multiply-adds of the steps of a plan, by the formulas of a data file.
#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "runtime/execution_plan.h"

namespace sluice::bench {

struct Work {
  double direct_gflop = 0;  // of the layer as it is defined: what rates are counted in
  double reduced_gflop =
      0;  // of the cheapest exact form that a kernel of ours computes: what shares of the peak are of
};

class WorkFormulas {
 public:
  // Lines `op direct [reduced]`. A formula knows <port>.<axis> of inputs and outputs, and `weights`: the number of
  // elements of the parameters that have more than one axis.
  explicit WorkFormulas(const std::filesystem::path &file);

  // Zero for a concat and for a layer without a line.
  Work of(const ExecutionPlan &plan, const PlannedStep &step) const;
  Work of(const ExecutionPlan &plan) const;

 private:
  struct Formulas {
    std::string direct, reduced;
  };
  std::map<std::string, Formulas> formulas_;  // by op
};

}  // namespace sluice::bench
