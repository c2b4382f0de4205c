// SPDX-License-Identifier: Apache-2.0
// Which item of many a sample takes: each comes once before one comes again, in an order drawn anew for every epoch.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

// May be called from several threads.
class EpochOrder {
 public:
  EpochOrder(uint64_t seed, size_t count) : seed_(seed), count_(count) {}

  void resize(size_t count) { count_ = count; }

  // What `get(index)` gives of the sample's item; where that is nothing, of the next of the order. `get` ends the
  // search with an exception when there is nothing at all.
  template <class Get>
  auto find(const std::string &purpose, uint64_t sample, const Get &get) const {
    const std::shared_ptr<const Order> order = of(purpose, sample / count_);
    for (uint64_t place = sample % count_;; place = (place + 1) % count_) {
      if (auto found = get((*order)[place])) return found;
    }
  }

 private:
  using Order = std::vector<uint32_t>;
  std::shared_ptr<const Order> of(const std::string &purpose, uint64_t epoch) const;

  uint64_t seed_;
  size_t count_;
  mutable std::mutex mutex_;
  mutable std::map<std::pair<std::string, uint64_t>, std::shared_ptr<const Order>> orders_;  // the last few epochs
};

}  // namespace sluice
