// SPDX-License-Identifier: Apache-2.0
// The table of opcodes, and finding where one ends.
#include "weights_io/torch/pickle_opcodes.h"

#include <algorithm>
#include <array>

namespace sluice::pickle {
namespace {

constexpr Opcode kOpcodes[] = {{'(', "MARK", Argument::none, Code::mark},
                               {'.', "STOP", Argument::none, Code::stop},
                               {'0', "POP", Argument::none, Code::pop},
                               {'1', "POP_MARK", Argument::none, Code::pop_mark},
                               {'2', "DUP", Argument::none, Code::dup},
                               {'F', "FLOAT", Argument::line, Code::refused},
                               {'I', "INT", Argument::line, Code::refused},
                               {'J', "BININT", Argument::fixed4, Code::signed_integer},
                               {'K', "BININT1", Argument::fixed1, Code::unsigned_integer},
                               {'L', "LONG", Argument::line, Code::refused},
                               {'M', "BININT2", Argument::fixed2, Code::unsigned_integer},
                               {'N', "NONE", Argument::none, Code::none},
                               {'P', "PERSID", Argument::line, Code::refused},
                               {'Q', "BINPERSID", Argument::none, Code::persistent_id},
                               {'R', "REDUCE", Argument::none, Code::reduce},
                               {'S', "STRING", Argument::line, Code::refused},
                               {'T', "BINSTRING", Argument::counted4, Code::text},
                               {'U', "SHORT_BINSTRING", Argument::counted1, Code::text},
                               {'V', "UNICODE", Argument::line, Code::refused},
                               {'X', "BINUNICODE", Argument::counted4, Code::text},
                               {'a', "APPEND", Argument::none, Code::append},
                               {'b', "BUILD", Argument::none, Code::build},
                               {'c', "GLOBAL", Argument::two_lines, Code::global},
                               {'d', "DICT", Argument::none, Code::dict},
                               {'}', "EMPTY_DICT", Argument::none, Code::empty_dict},
                               {'e', "APPENDS", Argument::none, Code::appends},
                               {'g', "GET", Argument::line, Code::refused},
                               {'h', "BINGET", Argument::fixed1, Code::get},
                               {'i', "INST", Argument::two_lines, Code::refused},
                               {'j', "LONG_BINGET", Argument::fixed4, Code::get},
                               {'l', "LIST", Argument::none, Code::list},
                               {']', "EMPTY_LIST", Argument::none, Code::empty_list},
                               {'o', "OBJ", Argument::none, Code::refused},
                               {'p', "PUT", Argument::line, Code::refused},
                               {'q', "BINPUT", Argument::fixed1, Code::put},
                               {'r', "LONG_BINPUT", Argument::fixed4, Code::put},
                               {'s', "SETITEM", Argument::none, Code::setitem},
                               {'t', "TUPLE", Argument::none, Code::tuple},
                               {')', "EMPTY_TUPLE", Argument::none, Code::empty_tuple},
                               {'u', "SETITEMS", Argument::none, Code::setitems},
                               {'G', "BINFLOAT", Argument::fixed8, Code::number},
                               {'B', "BINBYTES", Argument::counted4, Code::bytes},
                               {'C', "SHORT_BINBYTES", Argument::counted1, Code::bytes},
                               {0x80, "PROTO", Argument::fixed1, Code::proto},
                               {0x81, "NEWOBJ", Argument::none, Code::newobj},
                               {0x82, "EXT1", Argument::fixed1, Code::refused},
                               {0x83, "EXT2", Argument::fixed2, Code::refused},
                               {0x84, "EXT4", Argument::fixed4, Code::refused},
                               {0x85, "TUPLE1", Argument::none, Code::tuple1},
                               {0x86, "TUPLE2", Argument::none, Code::tuple2},
                               {0x87, "TUPLE3", Argument::none, Code::tuple3},
                               {0x88, "NEWTRUE", Argument::none, Code::new_true},
                               {0x89, "NEWFALSE", Argument::none, Code::new_false},
                               {0x8a, "LONG1", Argument::counted1, Code::long_integer},
                               {0x8b, "LONG4", Argument::counted4, Code::long_integer},
                               {0x8c, "SHORT_BINUNICODE", Argument::counted1, Code::text},
                               {0x8d, "BINUNICODE8", Argument::counted8, Code::text},
                               {0x8e, "BINBYTES8", Argument::counted8, Code::bytes},
                               {0x8f, "EMPTY_SET", Argument::none, Code::empty_set},
                               {0x90, "ADDITEMS", Argument::none, Code::add_items},
                               {0x91, "FROZENSET", Argument::none, Code::frozen_set},
                               {0x92, "NEWOBJ_EX", Argument::none, Code::newobj_ex},
                               {0x93, "STACK_GLOBAL", Argument::none, Code::stack_global},
                               {0x94, "MEMOIZE", Argument::none, Code::memoize},
                               {0x95, "FRAME", Argument::fixed8, Code::frame},
                               {0x96, "BYTEARRAY8", Argument::counted8, Code::bytes},
                               {0x97, "NEXT_BUFFER", Argument::none, Code::refused},
                               {0x98, "READONLY_BUFFER", Argument::none, Code::refused}};

constexpr auto kByByte = [] {
  std::array<const Opcode *, 256> table{};
  for (const Opcode &opcode : kOpcodes) table[opcode.byte] = &opcode;
  return table;
}();

std::optional<std::size_t> end_of_line(std::span<const std::byte> bytes, std::size_t at) {
  const auto found = std::find(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(), std::byte{'\n'});
  if (found == bytes.end()) return std::nullopt;
  return static_cast<std::size_t>(found - bytes.begin());
}

std::size_t width(Argument argument) {
  switch (argument) {
    case Argument::fixed1:
    case Argument::counted1:
      return 1;
    case Argument::fixed2:
      return 2;
    case Argument::fixed4:
    case Argument::counted4:
      return 4;
    case Argument::fixed8:
    case Argument::counted8:
      return 8;
    default:
      return 0;
  }
}

bool is_counted(Argument argument) {
  return argument == Argument::counted1 || argument == Argument::counted4 || argument == Argument::counted8;
}

}  // namespace

uint64_t unsigned_of(std::span<const std::byte> bytes, std::size_t at, std::size_t count) {
  uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value |= std::to_integer<uint64_t>(bytes[at + i]) << (8 * i);
  return value;
}

std::optional<Operation> decode(std::span<const std::byte> bytes, std::size_t at) {
  if (at >= bytes.size()) return std::nullopt;
  Operation operation = {kByByte[std::to_integer<std::size_t>(bytes[at])], at, at + 1, 0, at + 1};
  if (operation.opcode == nullptr) return operation;
  const Argument argument = operation.opcode->argument;
  if (argument == Argument::line || argument == Argument::two_lines) {
    std::optional<std::size_t> end = end_of_line(bytes, operation.argument);
    if (end && argument == Argument::two_lines) end = end_of_line(bytes, *end + 1);
    if (!end) return std::nullopt;
    operation.argument_bytes = *end - operation.argument;
    operation.end = *end + 1;
    return operation;
  }
  const std::size_t fixed = width(argument);
  const std::size_t left = bytes.size() - operation.argument;
  if (fixed > left) return std::nullopt;
  operation.argument_bytes = fixed;
  if (is_counted(argument)) {
    const uint64_t count = unsigned_of(bytes, operation.argument, fixed);
    if (count > left - fixed) return std::nullopt;
    operation.argument += fixed;
    operation.argument_bytes = static_cast<std::size_t>(count);
  }
  operation.end = operation.argument + operation.argument_bytes;
  return operation;
}

}  // namespace sluice::pickle
