// SPDX-License-Identifier: Apache-2.0
// Stack, memo and arena of the pickle machine, each within its budget.
#include "weights_io/torch/pickle_state.h"

#include <fmt/format.h>

#include <utility>

#include "weights_io/error.h"

namespace sluice::pickle {
namespace {

constexpr std::size_t kMaxMarks = 1'000;
constexpr std::size_t kMaxMemo = 4'000'000;
// What a value takes: in the stack, a vector that lies in memory twice while it grows; added to a list, which may be
// twice too large; in the memo, a deque; in a container made at once. Containers bring their own vector, which
// allocates.
constexpr uint64_t kStackBytes = 24, kAddedBytes = 16, kMemoBytes = 9, kItemBytes = 8;
constexpr uint64_t kNodeBytes = sizeof(Node) + 1, kAllocationBytes = 24;

}  // namespace

void State::fail(const std::string &reason) const {
  throw Error(ErrorCode::bad_file,
              fmt::format("{}: its pickle is refused at byte {}, {}: {}", file_, at_.begin, at_.opcode->name, reason));
}

std::string_view State::argument_text() const {
  return {reinterpret_cast<const char *>(tree_.bytes.data()) + at_.argument, at_.argument_bytes};
}

Value State::argument_place(Kind kind) const {
  return {kind, (uint64_t{at_.argument} << kLengthBits) | uint64_t{at_.argument_bytes}};
}

void State::need(std::size_t count) const {
  const std::size_t there = stack_.size() - (marks_.empty() ? 0 : marks_.back());
  if (there < count) fail(fmt::format("takes {} from the stack, which has {}", count, there));
}

void State::push(Value value) {
  if (stack_.size() == highest_) {
    budget_.take(kStackBytes);
    ++highest_;
  }
  stack_.push_back(value);
}

Value State::top() const {
  need(1);
  return stack_.back();
}

Value State::pop() {
  const Value value = top();
  stack_.pop_back();
  return value;
}

std::vector<Value> State::pop_many(std::size_t count) {
  need(count);
  const auto first = stack_.end() - static_cast<std::ptrdiff_t>(count);
  std::vector<Value> values(first, stack_.end());
  stack_.erase(first, stack_.end());
  return values;
}

void State::push_mark() {
  if (marks_.size() == kMaxMarks) fail(fmt::format("more than {} marks", kMaxMarks));
  marks_.push_back(stack_.size());
}

std::vector<Value> State::pop_to_mark() {
  if (marks_.empty()) fail("there is no mark on the stack");
  std::vector<Value> values = pop_many(stack_.size() - marks_.back());
  marks_.pop_back();
  return values;
}

void State::push_node(Kind kind, std::vector<Value> items) {
  budget_.take(kNodeBytes + (items.empty() ? 0 : kAllocationBytes + kItemBytes * items.size()));
  tree_.nodes.push_back(std::move(items));
  push({kind, tree_.nodes.size() - 1});
}

void State::add_items(Value container, const std::vector<Value> &values) {
  Node &items = tree_.nodes[container.index()];
  budget_.take((items.empty() ? kAllocationBytes : 0) + kAddedBytes * values.size());
  items.insert(items.end(), values.begin(), values.end());
}

void State::push_storage(Value id) {
  budget_.take(kAddedBytes);
  tree_.storages.push_back(id);
  push({Kind::storage, tree_.storages.size() - 1});
}

void State::put(uint64_t index) {
  const Value value = top();
  if (index >= kMaxMemo) fail(fmt::format("memo {}, at most {} are kept", index, kMaxMemo));
  const auto place = static_cast<std::size_t>(index);
  if (place >= memo_.size()) {
    budget_.take(kMemoBytes * (place + 1 - memo_.size()));
    memo_.resize(place + 1);
  }
  memoized_ += memo_[place].kind() == Kind::unset;
  memo_[place] = value;
}

void State::get(uint64_t index) {
  if (index >= memo_.size() || memo_[static_cast<std::size_t>(index)].kind() == Kind::unset) {
    fail(fmt::format("memo {} was never set", index));
  }
  push(memo_[static_cast<std::size_t>(index)]);
}

}  // namespace sluice::pickle
