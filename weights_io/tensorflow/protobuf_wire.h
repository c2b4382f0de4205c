// SPDX-License-Identifier: Apache-2.0
// The protocol buffers wire format, one field at a time (protobuf.dev/programming-guides/encoding). It knows no message
// definitions, takes no memory, and goes into no message by itself.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::protobuf {

enum class WireType { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// The readers of a field's value throw Error(bad_file) with a reason only: who reads knows the file and the message.
struct Field {
  uint32_t number = 0;
  WireType type = WireType::varint;
  uint64_t value = 0;                // of a varint, fixed64 or fixed32
  std::span<const std::byte> bytes;  // of a length-delimited field, within the message

  // The types int64, int32 and enum, fixed32, bool: a varint of another range is refused.
  int64_t int64() const;
  int32_t int32() const;
  uint32_t fixed32() const;
  bool boolean() const;
  std::span<const std::byte> message() const;

 private:
  void expect(WireType expected) const;
};

class Reader {
 public:
  // `message` must outlive it.
  explicit Reader(std::span<const std::byte> message) : rest_(message) {}

  // The next field, known or not; false at the end. Throws Error(bad_file) with a reason where the bytes are no field:
  // a length beyond the message, a number beyond 64 bits, a group.
  bool next(Field &field);

  // A varint of at most ten bytes and 64 bits.
  uint64_t varint();
  bool at_end() const { return rest_.empty(); }

 private:
  std::span<const std::byte> take(uint64_t bytes);
  uint64_t fixed(std::size_t bytes);

  std::span<const std::byte> rest_;
};

// Which of the fields 1..63 that may stand only once were seen.
class SeenFields {
 public:
  // Throws Error(bad_file) when it was seen before.
  void once(const Field &field);

 private:
  uint64_t seen_ = 0;
};

}  // namespace sluice::protobuf
