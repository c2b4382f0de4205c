// SPDX-License-Identifier: Apache-2.0
// The search: for every node of a network the schedule parameters and the algorithm that are fastest on this machine.
#pragma once
#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "runtime/tuning/candidate_builder.h"
#include "runtime/tuning/child_server.h"
#include "runtime/tuning/node_bench.h"
#include "runtime/tuning/point_log.h"

namespace sluice::tuning {

struct TunerOptions {
  Workshop workshop;
  double minutes = 30;                                   // of the whole search, spread by the nodes' shares of the time
  int threads = 0;                                       // of the kernels; 0: one a processor
  bool every_combination = false;                        // of the factors, instead of one factor after the other
  std::set<std::string> nodes = {};                      // only these; empty: all
  std::function<void(const std::string &)> report = {};  // a line for every step of the search
};

// Nodes with the same kernel, attributes and shapes: tuned once.
struct NodeGroup {
  std::vector<std::string> nodes;
  size_t step = 0;  // of the plan, of the first of them
  std::string layer, kernel;
  double default_ms = 0;
};

struct TunedGroup {
  NodeGroup group;
  Point best;        // what was chosen; of algorithm "fastest" and with an empty schedule: the shipped kernel
  double ratio = 1;  // its speed in units of the shipped kernel's
  int points = 0, failed = 0;
};

class Tuner {
 public:
  // The plan keeps all tensors. Nothing has run kernels in this process yet, except with one thread: a child that is
  // forked from it has threads of its own.
  Tuner(const Model &model, const ExecutionPlan &plan, const TensorMap &inputs, PointLog &log,
        const TunerOptions &options);

  // Error not_found where generators or the compiler are missing, interrupted as the workshop's `stopped` says.
  std::vector<TunedGroup> run();

 private:
  using Clock = std::chrono::steady_clock;
  struct Form;

  std::vector<NodeGroup> groups() const;
  TunedGroup tune(const NodeGroup &group, Clock::time_point end);
  std::vector<Form> forms(const NodeGroup &group) const;
  void search(const NodeGroup &group, const Form &form, Clock::time_point end, TunedGroup &tuned);
  void try_points(const NodeGroup &group, const Form &form, const std::vector<Parameters> &schedules,
                  Clock::time_point end, TunedGroup &tuned);
  void confirm(const NodeGroup &group, const std::vector<Form> &forms, TunedGroup &tuned);
  Outcome outcome(const Point &point, const NodeGroup &group, const Form &form, const BuiltCandidate &built);
  Outcome measured(const MeasureRequest &request);
  void say(const std::string &line) const;

  const Model &model_;
  const ExecutionPlan &plan_;
  PointLog &log_;
  TunerOptions options_;
  std::unique_ptr<NodeBench> bench_;  // in the child alone
  ChildServer child_;
  std::map<std::string, std::pair<Point, double>> tried_;  // of the group in hand, by text: ratios
};

// The nodes of the groups as a tuning file has them, in the order of the plan.
std::vector<TunedNode> tuned_nodes(const ExecutionPlan &plan, const std::vector<TunedGroup> &groups);

}  // namespace sluice::tuning
