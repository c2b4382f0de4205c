// SPDX-License-Identifier: Apache-2.0
// A pickle read as data. The opcodes build a tree of values; what they would call stays a name from a fixed list
// (weights_io/torch/pickle_globals.h), and nothing of it is executed. Memory is bounded by a budget, values lie in one
// arena, and nothing is recursive over what the file holds.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::pickle {

inline constexpr std::size_t kMaxPickleBytes = std::size_t{1} << 26;

// The memory that reading a file may take beyond the file's own bytes.
class Budget {
 public:
  Budget(std::string file, uint64_t bytes) : file_(std::move(file)), left_(bytes) {}
  // Throws Error(bad_file) when it is used up.
  void take(uint64_t bytes);

 private:
  std::string file_;
  uint64_t left_;
};

enum class Kind : unsigned char {
  unset,
  none,
  boolean,
  integer,
  long_integer,  // beyond 55 bits
  number,
  text,
  bytes,
  tuple,
  list,
  dictionary,
  set,
  call,     // of a function that makes a tensor: its arguments
  opaque,   // made by a function that says nothing about weights
  global,   // a name from the list
  storage,  // a persistent id
};

// "a tuple", "a number", for messages.
const char *describe(Kind kind);

// A place in the pickle's bytes: the offset above, this many bits of length below. Both are below 2^27.
inline constexpr unsigned kLengthBits = 28;

// A call has the index of its arguments in this many bits, the function above.
inline constexpr unsigned kIndexBits = 32;

// Eight bytes: the kind, and a number, a place in the pickle's bytes or the index of a node.
class Value {
 public:
  Value() = default;
  Value(Kind kind, uint64_t payload) : bits_((payload << 8) | static_cast<uint64_t>(kind)) {}

  Kind kind() const { return static_cast<Kind>(bits_ & 0xff); }
  uint64_t payload() const { return bits_ >> 8; }
  // Of an integer or boolean.
  int64_t integer() const { return static_cast<int64_t>(bits_) >> 8; }
  std::size_t index() const { return static_cast<std::size_t>(payload()); }

 private:
  uint64_t bits_ = 0;
};
static_assert(sizeof(Value) == 8);

// The items of a tuple, list, set or dictionary (keys and values in turn).
using Node = std::vector<Value>;

// A call of a function that makes a tensor: the number of the function, and the tuple of its arguments.
Value call_of(std::size_t global, Value arguments);

struct Tree {
  std::span<const std::byte> bytes;
  Value root;
  std::deque<Node> nodes;
  // The persistent ids in the order of the file; the payload of a Kind::storage counts them.
  std::vector<Value> storages;
  std::size_t end = 0;  // of the pickle in `bytes`

  // Of text, bytes and long integers.
  std::string_view text(Value value) const;
  // Of a container.
  const Node &items(Value value) const { return nodes[value.index()]; }
  // Of a call.
  std::size_t called(Value value) const { return static_cast<std::size_t>(value.payload() >> kIndexBits); }
  const Node &arguments(Value value) const;
};

// Where the pickle that begins at `begin` ends, one past its STOP; none when the bytes end before. Throws
// Error(bad_file) for a byte that is no opcode.
std::optional<std::size_t> pickle_end(std::span<const std::byte> bytes, std::size_t begin, const std::string &file);

// Reads the pickle at the beginning of `bytes`, which must outlive the tree. Throws Error(bad_file).
Tree read_pickle(std::span<const std::byte> bytes, Budget &budget, const std::string &file);

}  // namespace sluice::pickle
