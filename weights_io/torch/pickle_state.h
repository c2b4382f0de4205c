// SPDX-License-Identifier: Apache-2.0
// What the pickle machine works on: the tree it builds, the stack with its marks, the memo. Every access is checked.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights_io/torch/pickle.h"
#include "weights_io/torch/pickle_opcodes.h"

namespace sluice::pickle {

class State {
 public:
  State(std::span<const std::byte> bytes, Budget &budget, const std::string &file) : file_(file), budget_(budget) {
    tree_.bytes = bytes;
  }

 protected:
  // Names the file, the byte, the opcode and the reason.
  [[noreturn]] void fail(const std::string &reason) const;

  uint64_t argument() const { return unsigned_of(tree_.bytes, at_.argument, at_.argument_bytes); }
  std::string_view argument_text() const;
  Value argument_place(Kind kind) const;

  // Only what lies above the last mark can be taken.
  void need(std::size_t count) const;
  void push(Value value);
  Value top() const;
  Value pop();
  std::vector<Value> pop_many(std::size_t count);
  void push_mark();
  // The values above the last mark, which goes too.
  std::vector<Value> pop_to_mark();
  std::size_t stack_size() const { return stack_.size(); }
  std::size_t marks() const { return marks_.size(); }

  void push_node(Kind kind, std::vector<Value> items);
  void add_items(Value container, const std::vector<Value> &values);
  void push_storage(Value id);

  void put(uint64_t index);
  void memoize() { put(memoized_); }
  void get(uint64_t index);

  const std::string &file_;
  Tree tree_;
  Operation at_;

 private:
  Budget &budget_;
  std::vector<Value> stack_;
  std::size_t highest_ = 0;         // that the stack ever was
  std::vector<std::size_t> marks_;  // heights of the stack
  std::deque<Value> memo_;
  std::size_t memoized_ = 0;
};

}  // namespace sluice::pickle
