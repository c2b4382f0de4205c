// SPDX-License-Identifier: Apache-2.0
// Stack, memo and arena of the pickle machine, each within its budget.
#include "weights_io/pickle_state.h"

#include <fmt/format.h>

#include <utility>

#include "weights_io/error.h"

namespace sluice::pickle {
namespace {

constexpr std::size_t kMaxMarks = 1'000;
constexpr std::size_t kMaxMemo = 4'000'000;
constexpr uint64_t kNodeBytes = 80;  // a node with its part of the deque and the allocation of its items
constexpr uint64_t kItemBytes = 24;  // a vector that grows lies in memory twice, one of them up to twice too large

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
    budget_.take(kItemBytes);
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

void State::push_node(Kind kind, std::vector<Value> items, std::size_t global) {
  budget_.take(kNodeBytes + kItemBytes * items.size());
  tree_.nodes.push_back({std::move(items), global});
  push({kind, tree_.nodes.size() - 1});
}

void State::add_items(Value container, const std::vector<Value> &values) {
  budget_.take(kItemBytes * values.size());
  std::vector<Value> &items = tree_.nodes[container.index()].items;
  items.insert(items.end(), values.begin(), values.end());
}

void State::push_storage(Value id) {
  budget_.take(kItemBytes);
  tree_.storages.push_back(id);
  push({Kind::storage, tree_.storages.size() - 1});
}

void State::put(uint64_t index) {
  const Value value = top();
  if (index >= kMaxMemo) fail(fmt::format("memo {}, at most {} are kept", index, kMaxMemo));
  const auto place = static_cast<std::size_t>(index);
  if (place >= memo_.size()) {
    budget_.take(kItemBytes * (place + 1 - memo_.size()));
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
