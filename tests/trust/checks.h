// SPDX-License-Identifier: Apache-2.0
// One random problem of a layer, checked.
#pragma once
#include <atomic>
#include <stdexcept>
#include <string>

#include "tests/trust/totals.h"

namespace sluice::testing {

// What a worker is at, for the process that watches it: shared memory.
enum class Phase : int { product, reference };
struct Progress {
  std::atomic<Phase> phase;
  char line[800];  // the graph of the problem
  bool tell;       // print it before the problem is run
};

// A wrong result, with the graph line of the problem.
class Finding : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Problem `number` of a layer; of every 16, ten are exact (as far as the layer has such cases), four real-valued, one
// is run at other batches and numbers of threads, and one has an extent or an attribute that is 0, negative or huge.
// Adds to `counts`; throws Finding.
void check_problem(const std::string &layer, uint64_t seed, int64_t number, Counts &counts, Progress &progress);

}  // namespace sluice::testing
