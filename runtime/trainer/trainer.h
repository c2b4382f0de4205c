// SPDX-License-Identifier: Apache-2.0
// A training from a recipe to weights: rounds of steps, checkpoints, logs, samples; stopped and resumed at any time
// with the same bits as one that ran through.
#pragma once
#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/trainer/batch_loader.h"
#include "runtime/trainer/batches.h"
#include "runtime/trainer/checkpoint_folder.h"
#include "runtime/trainer/recipe.h"
#include "runtime/trainer/trained_step.h"
#include "runtime/trainer/training_log.h"
#include "runtime/trainer/training_state.h"

namespace sluice {

struct TrainOptions {
  std::filesystem::path data;    // what the recipe's kind of data reads; empty where it computes
  std::filesystem::path out;     // a folder, made if need be
  std::string resume;            // empty: begin; "latest": the newest checkpoint of `out`; else a checkpoint file
  bool changed_recipe = false;   // resume although the recipe is not the one that the checkpoint was made with
  std::string device = "cpu";    // LoadOptions::device of what is trained
  std::optional<int64_t> steps;  // in place of the recipe's
  std::optional<uint64_t> seed;
  // The graph file of a network. Default: the name is a file.
  std::function<std::filesystem::path(const std::string &graph)> find_graph;
  // The processes that train together, null: this one alone. Each has batches of the recipe's size, parts of one large
  // batch; process 0 reads and writes checkpoints, weights and logs. Outlives the training.
  ProcessGroup *group = nullptr;
};

// Numbers of the rounds since the last report.
struct TrainReport {
  int64_t step = 0, steps = 0;
  std::vector<std::pair<std::string, double>> losses;  // means
  double loss = 0;                                     // mean of the steps' weighted sums
  double images_per_s = 0, data_wait = 0;              // wait: part of the time
  double seconds_left = 0;
  StepTimes times;  // of one round
};

struct TrainEvents {
  std::function<void(const std::string &)> message;      // something to know: one line
  std::function<void(const TrainReport &)> report;       // every RecipeLog::every rounds
  std::function<void(int64_t step, TensorMap &)> batch;  // before a batch is used; may change it
  std::function<void(const std::filesystem::path &)> saved;
};

class Trainer {
 public:
  // Reads graphs and data, and the checkpoint where it resumes. Errors name file and line; in a group of processes they
  // are SharedError, and those that are not (of one process, in the middle of a step) leave the others waiting.
  Trainer(Recipe recipe, TrainOptions options, TrainEvents events = {});
  ~Trainer();

  // Until the last step, or until `stop` is set in any process: then it saves a checkpoint and throws Error
  // interrupted. Writes <out>/<network>.safetensors of every network that is trained, with each checkpoint: averaged
  // weights where the recipe has an average.
  void run(const std::atomic<bool> &stop);

  const TrainingState &state() const { return state_; }
  int64_t steps() const { return steps_; }
  std::string summary() const;  // one line: sizes, seed, memory

 private:
  struct Sums;  // of the rounds since the last report

  bool leads() const { return group_.rank() == 0; }
  void open();
  void begin();
  void resume();
  void share_state();
  void check_alike();
  void check_fit(const TrainingState &found, const std::string &file) const;
  void make_steps();
  void start_loader();
  void start_log();
  TensorMap next_batch();
  bool round(Sums &sums);
  bool update(TrainedStep &step, int64_t number, Sums &sums);
  const TrainedStep &step_of(uint64_t place) const;
  uint64_t updates_of_round() const;
  void stop_if_asked(const std::atomic<bool> &stop, bool saved);
  void report(Sums &sums);
  void save();
  Archive weights_archive(const std::string &network);
  std::set<std::string> trained_networks() const;
  void validate();
  void sample();
  TensorMap network_weights(const std::string &network);
  void tell(const std::string &message) const;
  bool due(int64_t every) const { return every > 0 && (state_.step % every == 0 || state_.step == steps_); }

  Recipe recipe_;
  TrainOptions options_;
  TrainEvents events_;
  ProcessGroup &group_;
  std::string identity_;  // the recipe's text, with its parameters' values
  int64_t steps_ = 0;
  TrainingState state_;
  std::optional<CheckpointFolder> checkpoints_;    // of process 0
  std::map<std::string, Graph> networks_, forms_;  // as they are written, and in the forms that training runs
  std::vector<std::unique_ptr<TrainedStep>> trained_;
  std::unique_ptr<BatchSource> source_;
  std::unique_ptr<BatchLoader> loader_;
  std::unique_ptr<TrainingLog> log_;
  std::unique_ptr<Model> shown_;  // the network of the samples
};

// Two steps of it with everything that a long run does, the checkpoint read back and compared, in a folder below
// options.out that is removed. Errors are those that a long run would meet.
void try_training(Recipe recipe, TrainOptions options, const TrainEvents &events, const std::atomic<bool> &stop);

}  // namespace sluice
