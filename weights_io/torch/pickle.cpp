// SPDX-License-Identifier: Apache-2.0
// What the tree of a pickle gives, its budget, and where a pickle ends.
#include "weights_io/torch/pickle.h"

#include <fmt/format.h>

#include "weights_io/error.h"
#include "weights_io/torch/pickle_opcodes.h"

namespace sluice::pickle {

void Budget::take(uint64_t bytes) {
  if (bytes > left_) {
    throw Error(ErrorCode::bad_file,
                fmt::format("{}: reading it would take far more memory than its size: it is refused", file_));
  }
  left_ -= bytes;
}

const char *describe(Kind kind) {
  switch (kind) {
    case Kind::unset:
      return "nothing";
    case Kind::none:
      return "None";
    case Kind::boolean:
      return "a truth value";
    case Kind::integer:
    case Kind::long_integer:
    case Kind::number:
      return "a number";
    case Kind::text:
      return "a string";
    case Kind::bytes:
      return "bytes";
    case Kind::tuple:
      return "a tuple";
    case Kind::list:
      return "a list";
    case Kind::dictionary:
      return "a dictionary";
    case Kind::set:
      return "a set";
    case Kind::call:
      return "a tensor";
    case Kind::opaque:
      return "an object";
    case Kind::global:
      return "a name";
    case Kind::storage:
      return "a storage";
  }
  return "";
}

Value call_of(std::size_t global, Value arguments) {
  return {Kind::call, (uint64_t{global} << kIndexBits) | arguments.payload()};
}

const Node &Tree::arguments(Value value) const {
  return nodes[static_cast<std::size_t>(value.payload() & ((uint64_t{1} << kIndexBits) - 1))];
}

std::string_view Tree::text(Value value) const {
  const uint64_t mask = (uint64_t{1} << kLengthBits) - 1;
  return {reinterpret_cast<const char *>(bytes.data()) + (value.payload() >> kLengthBits),
          static_cast<std::size_t>(value.payload() & mask)};
}

std::optional<std::size_t> pickle_end(std::span<const std::byte> bytes, std::size_t begin, const std::string &file) {
  while (true) {
    const std::optional<Operation> operation = decode(bytes, begin);
    if (!operation) return std::nullopt;
    if (operation->opcode == nullptr) {
      throw Error(ErrorCode::bad_file, fmt::format("{}: its pickle is refused at byte {}: 0x{:02x} is no opcode", file,
                                                   begin, std::to_integer<unsigned>(bytes[begin])));
    }
    begin = operation->end;
    if (operation->opcode->code == Code::stop) return begin;
  }
}

}  // namespace sluice::pickle
