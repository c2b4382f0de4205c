// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/batch_loader.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace sluice {

BatchLoader::BatchLoader(std::function<TensorMap(uint64_t)> make, uint64_t first, int threads, int ahead)
    : make_(std::move(make)), ahead_(static_cast<uint64_t>(std::max(ahead, threads))), begun_(first), taken_(first) {
  for (int i = 0; i < threads; i++) threads_.emplace_back([this] { work(); });
}

BatchLoader::~BatchLoader() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  room_.notify_all();
  for (std::thread &thread : threads_) thread.join();
}

void BatchLoader::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    room_.wait(lock, [&] { return stopping_ || begun_ < taken_ + ahead_; });
    if (stopping_) return;
    const uint64_t number = begun_++;
    lock.unlock();
    Made made;
    try {
      made.batch = make_(number);
    } catch (...) {
      made.problem = std::current_exception();
    }
    lock.lock();
    made_[number] = std::move(made);
    ready_.notify_all();
  }
}

TensorMap BatchLoader::next() {
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock<std::mutex> lock(mutex_);
  ready_.wait(lock, [&] { return made_.count(taken_) != 0; });
  Made made = std::move(made_.extract(taken_++).mapped());
  lock.unlock();
  room_.notify_all();
  waited_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (made.problem) std::rethrow_exception(made.problem);
  return std::move(made.batch);
}

}  // namespace sluice
