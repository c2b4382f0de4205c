// SPDX-License-Identifier: Apache-2.0
// A pool of what a generator made, for its critic to see some of again (Shrivastava et al., arXiv 1612.07828, section
// 2.3): until it is full every sample goes in; then each takes, with probability 1/2, the place of one that is in it,
// which is handed on in its stead.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "runtime/trainer/draws.h"
#include "runtime/training/training_pass.h"

namespace sluice {

struct PicturePool {
  std::string name;  // the node, and its tensor, that copies what goes into the pool
  int64_t size = 50;
};

// `batch` [n ...] through the pool `held` [m ...], m <= size; empty before the first. Both are changed. Error bad_file
// where they hold samples of different shapes.
void exchange(StoredTensor &batch, StoredTensor &held, int64_t size, Draws &draws);

// The pools of a step at work.
class PicturePools {
 public:
  // The pass must outlive this. `step`: its name, the key of pools and draws.
  PicturePools(std::vector<PicturePool> pools, const std::string &step, TrainingPass &pass);

  // Before a forward pass: what the pools hold, by "<step>.<pool>", and the numbers of its draws.
  void begin(const TensorMap &held, uint64_t seed, uint64_t round);
  // To be called before every step of a forward pass, with its number: RunOptions::progress.
  void before_step(int step);
  // What they hold now.
  void commit(TensorMap &held);

 private:
  std::vector<PicturePool> pools_;
  std::string step_;
  TrainingPass &pass_;
  std::map<int, size_t> due_;  // by step of the plan
  TensorMap next_;
  uint64_t seed_ = 0, round_ = 0;
};

}  // namespace sluice
