// SPDX-License-Identifier: Apache-2.0
// The wire format: fields as they were written, and every way a message can be wrong.
#include "weights_io/tensorflow/protobuf_wire.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "tests/weights_io/support.h"
#include "tests/weights_io/table_writer.h"

namespace sluice::protobuf {
namespace {

using namespace test;  // NOLINT: the writers of fields
using ::testing::IsSubstring;

TEST(ProtobufWire, AllWireTypes) {
  const std::string message = varint_field(1, 150) + fixed64_field(2, 0x0123456789abcdef) + bytes_field(3, "text") +
                              fixed32_field(4, 0xdeadbeef) + varint_field(536870911, -2) + bytes_field(6, "");
  Reader reader(bytes_of(message));
  Field field;
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.number, 1u);
  EXPECT_EQ(field.int64(), 150);
  EXPECT_EQ(field.int32(), 150);
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.type, WireType::fixed64);
  EXPECT_EQ(field.value, 0x0123456789abcdefu);
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(std::string(reinterpret_cast<const char *>(field.message().data()), field.bytes.size()), "text");
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.fixed32(), 0xdeadbeefu);
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.number, 536870911u);
  EXPECT_EQ(field.int32(), -2);
  ASSERT_TRUE(reader.next(field));
  EXPECT_TRUE(field.message().empty());
  EXPECT_FALSE(reader.next(field));
  EXPECT_FALSE(reader.next(field));
}

TEST(ProtobufWire, NumbersOfEveryLength) {
  std::mt19937_64 random(7);
  for (unsigned bits = 0; bits <= 64; ++bits) {
    for (int k = 0; k < 20; ++k) {
      const uint64_t value = bits == 0 ? 0 : random() >> (64 - bits);
      const std::string text = varint(value);
      Reader reader(bytes_of(text));
      ASSERT_EQ(reader.varint(), value);
      ASSERT_TRUE(reader.at_end());
    }
  }
  // Zeros in front are legal here, up to ten bytes.
  const std::string padded = "\x85\x80\x80\x80\x80\x80\x80\x80\x80" + std::string(1, '\0');
  EXPECT_EQ(Reader(bytes_of(padded)).varint(), 5u);
}

TEST(ProtobufWire, RangesOfTypes) {
  const auto field_of = [](int64_t value) {
    Field field;
    field.number = 1;
    field.value = static_cast<uint64_t>(value);
    return field;
  };
  EXPECT_EQ(field_of(std::numeric_limits<int32_t>::min()).int32(), std::numeric_limits<int32_t>::min());
  EXPECT_EQ(field_of(std::numeric_limits<int32_t>::max()).int32(), std::numeric_limits<int32_t>::max());
  EXPECT_TRUE(field_of(1).boolean());
  EXPECT_FALSE(field_of(0).boolean());
  const auto refused = [&](const char *reason, const auto &read) {
    EXPECT_PRED_FORMAT2(IsSubstring, reason, message_of(ErrorCode::bad_file, read));
  };
  refused("holds 2147483648, which takes more than 32 bits", [&] { field_of(1LL << 31).int32(); });
  refused("holds -2147483649, which takes more than 32 bits", [&] { field_of(-(1LL << 31) - 1).int32(); });
  refused("holds 2 where true or false was expected", [&] { field_of(2).boolean(); });
  refused("field 1 has wire type 0, expected 5", [&] { field_of(2).fixed32(); });
  refused("field 1 has wire type 0, expected 2", [&] { field_of(2).message(); });
  Field text = field_of(0);
  text.type = WireType::bytes;
  refused("field 1 has wire type 2, expected 0", [&] { text.int64(); });
}

TEST(ProtobufWire, FieldsThatMayStandOnce) {
  SeenFields seen;
  Field field;
  for (const uint32_t number : {1u, 63u, 64u, 64u, 2u}) {
    field.number = number;
    seen.once(field);
  }
  field.number = 63;
  EXPECT_PRED_FORMAT2(IsSubstring, "field 63 stands twice", message_of(ErrorCode::bad_file, [&] { seen.once(field); }));
}

struct Malformed {
  std::string message;
  const char *reason;
};

TEST(ProtobufWire, Refuses) {
  const std::string ten_ff(10, '\xff'), nul(1, '\0');
  const std::vector<Malformed> cases = {
      {"\x08", "1 bytes are expected where 0 are left"},
      {"\x08\x80", "1 bytes are expected where 0 are left"},
      {"\x08" + ten_ff + "\x01", "a number takes more than 64 bits"},
      {"\x08" + std::string(9, '\xff') + "\x02", "a number takes more than 64 bits"},
      {"\x08" + std::string(10, '\x80') + nul, "a number takes more than 64 bits"},
      {ten_ff, "a number takes more than 64 bits"},
      {nul + nul, "a field has number 0"},
      {varint(uint64_t{1} << 32), "a field has number 536870912"},
      {"\x0a\x02x", "2 bytes are expected where 1 are left"},
      {"\x0a" + varint(~uint64_t{0}) + "x", "18446744073709551615 bytes are expected where 1 are left"},
      {"\x0b\x0c", "field 1 is a group"},
      {"\x0c", "field 1 is a group"},
      {"\x0e", "field 1 has wire type 6"},
      {"\x0f", "field 1 has wire type 7"},
      {"\x09" + std::string(7, 'x'), "8 bytes are expected where 7 are left"},
      {"\x0dxxx", "4 bytes are expected where 3 are left"},
  };
  for (const auto &[message, reason] : cases) {
    const std::string refusal = message_of(ErrorCode::bad_file, [text = message] {
      Reader reader(bytes_of(text));
      Field field;
      while (reader.next(field)) {
      }
    });
    EXPECT_PRED_FORMAT2(IsSubstring, reason, refusal);
  }
}

}  // namespace
}  // namespace sluice::protobuf
