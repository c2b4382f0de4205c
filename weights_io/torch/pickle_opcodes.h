// SPDX-License-Identifier: Apache-2.0
// The opcodes of Python's pickle, protocols 0 to 5 (python/cpython: Lib/pickletools.py): what each is called, which
// argument follows it, and whether it has any place in a file of weights.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace sluice::pickle {

enum class Argument : uint8_t {
  none,
  fixed1,  // that many bytes
  fixed2,
  fixed4,
  fixed8,
  line,       // up to a newline
  two_lines,  // module and name
  counted1,   // a length of that many bytes, then as many bytes as it says
  counted4,
  counted8
};

// The opcodes that are read; `refused` stands for all others, which the table knows by name only.
enum class Code : uint8_t {
  refused,
  proto,
  frame,
  stop,
  mark,
  pop,
  pop_mark,
  dup,
  none,
  new_true,
  new_false,
  unsigned_integer,  // BININT1, BININT2
  signed_integer,    // BININT
  long_integer,      // LONG1, LONG4
  number,            // BINFLOAT
  text,
  bytes,
  empty_tuple,
  tuple,  // from MARK
  tuple1,
  tuple2,
  tuple3,
  empty_list,
  list,
  append,
  appends,
  empty_dict,
  dict,
  setitem,
  setitems,
  empty_set,
  add_items,
  frozen_set,
  put,
  get,
  memoize,
  global,
  stack_global,
  reduce,
  newobj,
  newobj_ex,
  build,
  persistent_id
};

struct Opcode {
  unsigned char byte;
  const char *name;
  Argument argument;
  Code code;
};

struct Operation {
  const Opcode *opcode = nullptr;  // null: no pickle has this byte
  std::size_t begin = 0;           // of the opcode itself
  std::size_t argument = 0;        // where the argument's bytes begin, after a length
  std::size_t argument_bytes = 0;  // without the newline that ends a line
  std::size_t end = 0;             // of the opcode with its argument
};

// The opcode at `at`. None when the bytes end within it.
std::optional<Operation> decode(std::span<const std::byte> bytes, std::size_t at);

// Little endian, `count` of them, at most eight.
uint64_t unsigned_of(std::span<const std::byte> bytes, std::size_t at, std::size_t count);

}  // namespace sluice::pickle
