// SPDX-License-Identifier: Apache-2.0
// What an autoscheduler is told of a node's call (generators/estimates.h): extents of every port, values of scalars.
#pragma once
#include <map>
#include <string>

#include "runtime/model.h"
#include "runtime/tuning/candidate_builder.h"

namespace sluice::bench {

struct CallSizes {
  std::map<std::string, Extents> ports;  // tensors and packed parameters, innermost first
  std::map<std::string, double> scalars;
  std::string asked_for;  // of these, by name: what the generator asked for so far
};

// Of the kernel that `layer`, a form of the step's own, takes.
CallSizes sizes_of(const ExecutionPlan &plan, const PlannedStep &step, const LayerNode &layer);

// The kernel as an autoscheduler makes it. Estimates name axes ("packed_weight.lane:16"), which only the generator
// knows of packed parameters: it is called until it asks for no other, once for all calls of these sizes. `words`: of
// the autoscheduler.
tuning::BuiltCandidate build_autoscheduled(const tuning::Workshop &workshop, const Kernel &kernel, CallSizes &sizes,
                                           const std::vector<std::string> &words);

}  // namespace sluice::bench
