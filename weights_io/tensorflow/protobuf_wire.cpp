// SPDX-License-Identifier: Apache-2.0
// Varints, tags and lengths, each checked against the bytes that are left.
#include "weights_io/tensorflow/protobuf_wire.h"

#include <fmt/format.h>

#include <limits>
#include <string>

#include "weights_io/error.h"

namespace sluice::protobuf {
namespace {

constexpr uint64_t kLargestFieldNumber = (uint64_t{1} << 29) - 1;

[[noreturn]] void fail(const std::string &reason) { throw Error(ErrorCode::bad_file, reason); }

}  // namespace

void Field::expect(WireType expected) const {
  if (type == expected) return;
  fail(fmt::format("field {} has wire type {}, expected {}", number, static_cast<int>(type),
                   static_cast<int>(expected)));
}

int64_t Field::int64() const {
  expect(WireType::varint);
  return static_cast<int64_t>(value);
}

int32_t Field::int32() const {
  const int64_t whole = int64();
  if (whole < std::numeric_limits<int32_t>::min() || whole > std::numeric_limits<int32_t>::max()) {
    fail(fmt::format("field {} holds {}, which takes more than 32 bits", number, whole));
  }
  return static_cast<int32_t>(whole);
}

uint32_t Field::fixed32() const {
  expect(WireType::fixed32);
  return static_cast<uint32_t>(value);
}

bool Field::boolean() const {
  expect(WireType::varint);
  if (value > 1) fail(fmt::format("field {} holds {} where true or false was expected", number, value));
  return value == 1;
}

std::span<const std::byte> Field::message() const {
  expect(WireType::bytes);
  return bytes;
}

bool Reader::next(Field &field) {
  if (rest_.empty()) return false;
  const uint64_t tag = varint();
  const uint64_t number = tag >> 3;
  if (number == 0 || number > kLargestFieldNumber) fail(fmt::format("a field has number {}", number));
  field = {};
  field.number = static_cast<uint32_t>(number);
  field.type = static_cast<WireType>(tag & 7);
  switch (tag & 7) {
    case 0:
      field.value = varint();
      return true;
    case 1:
      field.value = fixed(8);
      return true;
    case 2:
      field.bytes = take(varint());
      return true;
    case 5:
      field.value = fixed(4);
      return true;
    case 3:
    case 4:
      fail(fmt::format("field {} is a group, which is not read", number));
    default:
      fail(fmt::format("field {} has wire type {}, which does not exist", number, tag & 7));
  }
}

uint64_t Reader::varint() {
  constexpr std::size_t kLongest = 10;
  uint64_t value = 0;
  for (std::size_t k = 0; k < kLongest; ++k) {
    const auto byte = static_cast<uint64_t>(take(1)[0]);
    if (k + 1 == kLongest && byte > 1) break;
    value |= (byte & 0x7f) << (7 * k);
    if (byte < 0x80) return value;
  }
  fail("a number takes more than 64 bits");
}

std::span<const std::byte> Reader::take(uint64_t bytes) {
  if (bytes > rest_.size()) {
    fail(fmt::format("{} bytes are expected where {} are left", bytes, rest_.size()));
  }
  const auto taken = rest_.first(static_cast<std::size_t>(bytes));
  rest_ = rest_.subspan(taken.size());
  return taken;
}

uint64_t Reader::fixed(std::size_t bytes) {
  uint64_t value = 0;
  const auto taken = take(bytes);
  for (std::size_t k = 0; k < bytes; ++k) value |= static_cast<uint64_t>(taken[k]) << (8 * k);
  return value;
}

void SeenFields::once(const Field &field) {
  if (field.number >= 64) return;
  const uint64_t bit = uint64_t{1} << field.number;
  if ((seen_ & bit) != 0) fail(fmt::format("field {} stands twice", field.number));
  seen_ |= bit;
}

}  // namespace sluice::protobuf
