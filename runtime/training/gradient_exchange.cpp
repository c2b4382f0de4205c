// SPDX-License-Identifier: Apache-2.0
// A segment goes two ways: its blocks to the processes that add them up, the means back to all. That is what a ring
// all-reduce moves, 2 (n - 1) / n of the buffer for n processes, but with sums in a fixed order.
#include "runtime/training/gradient_exchange.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr size_t kSegmentFloats = size_t{1} << 18;  // 1 MB: many a network has a few to overlap, latency is nothing
constexpr size_t kBlockMultiple = 16;               // a cache line of floats

}  // namespace

GradientExchange::GradientExchange(ProcessGroup &group, const TensorMap &gradients,
                                   const std::vector<std::string> &order)
    : group_(group), order_(order) {
  size_t total = 0;
  for (const std::string &name : order_) total += static_cast<size_t>(gradients.at(name).elements());
  const auto parts = static_cast<size_t>(group.size());
  const auto block_of = [&](size_t floats) {
    return ((floats + parts - 1) / parts + kBlockMultiple - 1) / kBlockMultiple * kBlockMultiple;
  };
  size_t first = 0;
  while (first < total) {
    segments_.push_back({first, block_of(std::min(kSegmentFloats, total - first))});
    first += segments_.back().block * parts;
  }
  mine_.resize(first);
  theirs_.resize(first);
  means_.resize(first / parts);
}

int64_t GradientExchange::bytes() const {
  return static_cast<int64_t>((mine_.size() + theirs_.size() + means_.size()) * sizeof(float));
}

void GradientExchange::add(const std::string &name, const StoredTensor &gradient) {
  if (added_ == order_.size() || order_[added_] != name)
    throw Error(ErrorCode::input_failed, "gradients came in another order than was said: '" + name + "'");
  added_++;
  const auto count = static_cast<size_t>(gradient.elements());
  std::copy_n(gradient.f32(), count, mine_.begin() + static_cast<std::ptrdiff_t>(filled_));
  filled_ += count;
  if (added_ == order_.size()) filled_ = mine_.size();  // zeros fill the last segment
  const auto parts = static_cast<size_t>(group_.size());
  for (; exchanging_ < segments_.size(); exchanging_++) {
    Segment &segment = segments_[exchanging_];
    if (segment.first + segment.block * parts > filled_) break;
    segment.transfer = group_.begin_exchange(&mine_[segment.first], &theirs_[segment.first], segment.block);
  }
  advance(false);
}

void GradientExchange::add_up(const Segment &segment) {
  const auto parts = static_cast<size_t>(group_.size());
  const float *theirs = &theirs_[segment.first];
  float *means = &means_[segment.first / parts];
  for (size_t i = 0; i < segment.block; i++) {
    double sum = 0;
    for (size_t part = 0; part < parts; part++) sum += static_cast<double>(theirs[part * segment.block + i]);
    means[i] = static_cast<float>(sum / static_cast<double>(parts));
  }
}

// What is finished goes on; segments one after the other, so that all processes begin them in one order.
void GradientExchange::advance(bool wait) {
  const auto over = [&](const Segment &segment) {
    if (wait) group_.wait(segment.transfer);
    return wait || group_.finished(segment.transfer);
  };
  const auto parts = static_cast<size_t>(group_.size());
  while (gathering_ < exchanging_ && over(segments_[gathering_])) {
    Segment &segment = segments_[gathering_++];
    add_up(segment);
    segment.transfer = group_.begin_gather(&means_[segment.first / parts], &mine_[segment.first], segment.block);
  }
  while (home_ < gathering_ && over(segments_[home_])) home_++;
}

void GradientExchange::finish(TensorMap &gradients) {
  if (added_ != order_.size()) throw Error(ErrorCode::input_failed, "a gradient is missing in the exchange");
  advance(true);
  size_t at = 0;
  for (const std::string &name : order_) {
    StoredTensor &gradient = gradients.at(name);
    const auto count = static_cast<size_t>(gradient.elements());
    std::copy_n(mine_.begin() + static_cast<std::ptrdiff_t>(at), count, gradient.f32());
    at += count;
  }
  filled_ = added_ = exchanging_ = gathering_ = home_ = 0;
  std::fill(mine_.begin() + static_cast<std::ptrdiff_t>(at), mine_.end(), 0.0f);
}

}  // namespace sluice
