// SPDX-License-Identifier: Apache-2.0
// Batches made ahead by threads of their own, handed out in order.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "weights_io/tensor.h"

namespace sluice {

class BatchLoader {
 public:
  // `make(number)` is called by the threads, for `first`, first + 1, ...; at most `ahead` batches wait to be taken.
  BatchLoader(std::function<TensorMap(uint64_t)> make, uint64_t first, int threads, int ahead);
  ~BatchLoader();
  BatchLoader(const BatchLoader &) = delete;
  BatchLoader &operator=(const BatchLoader &) = delete;

  // The next batch; waits for it. Throws what `make` threw for it.
  TensorMap next();
  double waited_s() const { return waited_s_; }  // in next(), in all

 private:
  struct Made {
    TensorMap batch;
    std::exception_ptr problem;
  };
  void work();

  const std::function<TensorMap(uint64_t)> make_;
  const uint64_t ahead_;
  std::mutex mutex_;
  std::condition_variable room_, ready_;
  std::map<uint64_t, Made> made_;
  uint64_t begun_, taken_;  // the next number to be made, to be taken
  bool stopping_ = false;
  double waited_s_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace sluice
