// SPDX-License-Identifier: Apache-2.0
// All that a training goes on from, besides its recipe and its data.
#pragma once
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "weights_io/safetensors.h"

namespace sluice {

struct OptimizerState {
  TensorMap tensors;
  int64_t steps = 0;
};

struct TrainingState {
  int64_t step = 0;   // rounds done; a round is every step of the recipe once
  int64_t skips = 0;  // rounds in a row that were left out
  uint64_t seed = 0;
  int64_t batch = 0;  // pictures an update, of all processes; 0: not known (an older checkpoint)
  double best_loss = std::numeric_limits<double>::infinity();
  TensorMap parameters, state, average;              // "<network>.<weight>"; average may be empty
  std::map<std::string, OptimizerState> optimizers;  // by the recipe's step
  TensorMap pools;                                   // "<step>.<pool>": the samples that it holds
};

// Between a state and the archive of a checkpoint. The archive's tensors are weight.*, state.*, average.*, pool.*
// and optimizer.<step>/*; its metadata has the counters, and the recipe with its SHA-256.
Archive state_archive(const TrainingState &state, const std::string &recipe_text);
// Error bad_file, naming `file`, where it holds something else. `recipe_text`: of the training that wrote it.
TrainingState state_of_archive(Archive archive, const std::string &file, std::string &recipe_text);

// The tensors of some names, out of a map for as long as this lives.
class BorrowedTensors {
 public:
  BorrowedTensors(TensorMap &all, const std::vector<std::string> &names);
  ~BorrowedTensors() { all_.merge(tensors); }
  BorrowedTensors(const BorrowedTensors &) = delete;
  BorrowedTensors &operator=(const BorrowedTensors &) = delete;

 private:
  TensorMap &all_;

 public:
  TensorMap tensors;
};

}  // namespace sluice
