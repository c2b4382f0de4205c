// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/epoch_order.h"

#include <algorithm>
#include <numeric>

#include "runtime/trainer/draws.h"

namespace sluice {

constexpr size_t kEpochsKept = 4;

std::shared_ptr<const EpochOrder::Order> EpochOrder::of(const std::string &purpose, uint64_t epoch) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto key = std::make_pair(purpose, epoch);
  const auto known = orders_.find(key);
  if (known != orders_.end()) return known->second;
  Order order(count_);
  std::iota(order.begin(), order.end(), 0u);
  const uint64_t stream = stream_of(purpose + " order") + epoch * 0x9e3779b97f4a7c15;
  for (size_t i = order.size(); i > 1; i--) {
    const double drawn = uniform_number(seed_, stream, i) * static_cast<double>(i);
    std::swap(order[i - 1], order[std::min(static_cast<size_t>(drawn), i - 1)]);
  }
  if (orders_.size() >= kEpochsKept) orders_.erase(orders_.begin());
  return orders_[key] = std::make_shared<const Order>(std::move(order));
}

}  // namespace sluice
