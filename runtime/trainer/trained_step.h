// SPDX-License-Identifier: Apache-2.0
// One step of a recipe at work: forward, backward and the update of what it trains.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/model.h"
#include "runtime/trainer/recipe.h"
#include "runtime/trainer/step_graph.h"
#include "runtime/trainer/training_state.h"
#include "runtime/training/gradient_exchange.h"
#include "runtime/training/learning_rate.h"
#include "runtime/training/optimizer.h"
#include "runtime/training/training_pass.h"

namespace sluice {

struct StepTimes {
  double pack_s = 0, forward_s = 0, backward_s = 0, update_s = 0;
  double exchange_s = 0;  // waiting for other processes, within forward and backward
};

struct StepResult {
  std::map<std::string, double> losses;  // by tensor of the objectives
  double total = 0;                      // their weighted sum
  double gradient_norm = 0;              // before it was clipped
  double learning_rate = 0;
  std::string not_finite;  // empty, or what was not: then nothing has changed
  StepTimes times;
};

class TrainedStep {
 public:
  // Takes its optimiser's state from `state`, or puts the zeros it begins with there. The processes of `group`, which
  // outlives it, do each step together, on a batch of their own each: losses and gradients are means over them. Forward
  // and backward are computed on `device` (LoadOptions), the update on the CPU.
  TrainedStep(const Recipe &recipe, const RecipeStep &step, const StepGraph &graph, TrainingState &state,
              ProcessGroup &group = alone(), const std::string &device = "cpu");

  const std::string &name() const { return step_.name; }
  int64_t updates() const { return step_.updates; }  // in a round
  const std::vector<Objective> &objectives() const { return objectives_; }
  const std::string &image_order() const { return image_order_; }
  const std::vector<std::string> &trained() const { return trained_; }  // weights, sorted
  int64_t arena_bytes() const { return pass_->arena_bytes() + (exchange_ ? exchange_->bytes() : 0); }
  int64_t packed_bytes() const { return model_->packed_bytes(); }

  // Update `update` of the step's in round state.step. Changes state.parameters, state.state and state.pools. Error
  // input_failed where an update made a weight that is not finite: the state is of no use then.
  StepResult run(const TensorMap &batch, TrainingState &state, int64_t update = 0);
  // The objectives of a batch with these parameters in place of state.parameters; changes nothing in the state.
  StepResult evaluate(const TensorMap &batch, TrainingState &state, TensorMap &parameters);
  OptimizerState optimizer_state() const { return {optimizer_->state(), optimizer_->steps()}; }

 private:
  void load(TrainingState &state, TensorMap &parameters, StepTimes &times);
  void forward(const TensorMap &batch, uint64_t seed, int64_t number, bool pooled, StepResult &result);
  StoredTensor drawn(const RandomInput &random, uint64_t seed, int64_t number) const;
  void share_losses(StepResult &result);
  bool backward(StepResult &result);
  void update(TrainingState &state, StepResult &result);

  const RecipeStep &step_;
  ProcessGroup &group_;
  std::vector<Objective> objectives_;
  std::string image_order_;
  std::vector<std::string> still_;  // networks
  std::vector<RandomInput> random_;
  std::vector<std::string> inputs_;             // data that the graph reads
  std::vector<std::string> weights_, trained_;  // names, all that the graph has; those that it trains
  int64_t batch_;                               // samples
  std::unique_ptr<Model> model_;
  std::unique_ptr<TrainingPass> pass_;
  std::unique_ptr<PenaltyGradients> penalties_;
  std::unique_ptr<PicturePools> pools_;
  std::unique_ptr<GradientExchange> exchange_;  // where there are several processes
  std::unique_ptr<Optimizer> optimizer_;
  LearningRate learning_rate_;
  TensorMap seeds_;  // gradients of the objectives
};

}  // namespace sluice
