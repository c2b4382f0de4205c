// SPDX-License-Identifier: Apache-2.0
// Means of gradients over the processes of a group: one flat buffer, cut into segments that travel while backward still
// computes the rest. Every element is added up once, in double, in the order of the ranks, by the process that its
// block belongs to, and rounded once: all processes have the same bits, from run to run.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/process_group.h"
#include "weights_io/tensor.h"

namespace sluice {

class GradientExchange {
 public:
  // `order`: names of gradients in the order in which add() will be called, the same in every process.
  GradientExchange(ProcessGroup &group, const TensorMap &gradients, const std::vector<std::string> &order);

  // The next gradient is final. Where that fills a segment, its journey begins.
  void add(const std::string &name, const StoredTensor &gradient);
  // After the last: waits for what is on its way and puts the means in the gradients' place.
  void finish(TensorMap &gradients);

  int64_t bytes() const;  // of its buffers
  size_t segments() const { return segments_.size(); }

 private:
  struct Segment {
    size_t first, block;  // floats; it has a block for each process
    int transfer = -1;
  };
  void advance(bool wait);
  void add_up(const Segment &segment);

  ProcessGroup &group_;
  std::vector<std::string> order_;
  std::vector<Segment> segments_;
  std::vector<float> mine_, theirs_, means_;
  size_t filled_ = 0, added_ = 0;                     // floats, gradients
  size_t exchanging_ = 0, gathering_ = 0, home_ = 0;  // segments that have begun either way, that are back
};

}  // namespace sluice
