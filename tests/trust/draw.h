// SPDX-License-Identifier: Apache-2.0
// Random problems from the cases of a layer: the numbers of a case are changed, what belongs together stays together.
#pragma once
#include <random>
#include <string>
#include <vector>

#include "tests/layers/layer_cases.h"

namespace sluice::testing {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  Random(uint64_t seed, const std::string &layer, int64_t number);
  // 0 <= result < count; the same on every machine.
  int64_t below(int64_t count) { return static_cast<int64_t>(engine_() % static_cast<uint64_t>(count)); }
  int64_t between(int64_t first, int64_t last) { return first + below(last - first + 1); }
  bool chance(int percent) { return below(100) < percent; }
  template <typename T>
  const T &one_of(const std::vector<T> &list) {
    return list[static_cast<size_t>(below(static_cast<int64_t>(list.size())))];
  }

 private:
  std::mt19937_64 engine_;
};

// The attributes of a graph line, to be changed one by one.
class AttributeLine {
 public:
  explicit AttributeLine(const std::string &text);
  std::string text() const;
  bool has(const std::string &name) const;
  const std::vector<std::string> &items(const std::string &name) const;
  int64_t integer(const std::string &name, int64_t otherwise) const;  // the first item
  void set(const std::string &name, const std::vector<std::string> &items);

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> values_;
};

struct Drawn {
  LayerCase problem;
  std::vector<bool> batched;  // inputs whose first axis is the batch
};

// Batch (given, or 0: drawn), channels, spatial extents, and the numbers of kernel, stride, dilation, padding, channels
// and output_size where the case has them. Extents that are equal, or multiples of each other, in the inputs of the
// case are so in the problem; what is 1 beside a larger one stays 1. The problem may be one that the layer refuses.
Drawn draw(const LayerCase &from, Random &random, int64_t batch = 0);

}  // namespace sluice::testing
