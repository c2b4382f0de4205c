// SPDX-License-Identifier: Apache-2.0
// CRC-32C against published values, and against its definition bit by bit.
#include "weights_io/tensorflow/crc32c.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace sluice {
namespace {

std::vector<std::byte> bytes_from(std::size_t count, const auto &value) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(value(i));
  return bytes;
}

uint32_t by_definition(std::span<const std::byte> bytes) {
  uint32_t crc = 0xffffffff;
  for (const std::byte byte : bytes) {
    crc ^= static_cast<uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
  }
  return ~crc;
}

// RFC 3720, appendix B.4.
TEST(Crc32c, PublishedValues) {
  EXPECT_EQ(crc32c(bytes_from(32, [](std::size_t) { return 0; })), 0x8a9136aau);
  EXPECT_EQ(crc32c(bytes_from(32, [](std::size_t) { return 0xff; })), 0x62a8ab43u);
  EXPECT_EQ(crc32c(bytes_from(32, [](std::size_t i) { return i; })), 0x46dd794eu);
  EXPECT_EQ(crc32c(bytes_from(32, [](std::size_t i) { return 31 - i; })), 0x113fdb5cu);
  const unsigned char read_command[48] = {0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 0, 0,
                                          0x14, 0,    0, 0, 0, 0, 4, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18,
                                          0x28, 0,    0, 0, 0, 0, 0, 0, 2, 0, 0, 0,    0, 0, 0, 0};
  EXPECT_EQ(crc32c(std::as_bytes(std::span(read_command))), 0xd9963a56u);
  const std::string digits = "123456789";
  EXPECT_EQ(crc32c(std::as_bytes(std::span(digits))), 0xe3069283u);
  EXPECT_EQ(crc32c({}), 0u);
}

TEST(Crc32c, EveryLengthAndAlignment) {
  std::mt19937 random(5);
  const std::vector<std::byte> bytes = bytes_from(96, [&](std::size_t) { return random() & 0xff; });
  for (std::size_t begin = 0; begin < 9; ++begin) {
    for (std::size_t size = 0; begin + size <= bytes.size(); ++size) {
      const auto part = std::span(bytes).subspan(begin, size);
      ASSERT_EQ(crc32c(part), by_definition(part)) << begin << " " << size;
      const std::size_t cut = size / 3;
      ASSERT_EQ(crc32c(part.subspan(cut), crc32c(part.first(cut))), crc32c(part)) << begin << " " << size;
    }
  }
}

TEST(Crc32c, Masks) {
  EXPECT_EQ(masked_crc32c(0), 0xa282ead8u);
  EXPECT_EQ(masked_crc32c(0x80000000u), 0xa282ead8u + 0x10000u);
  std::mt19937 random(6);
  for (int i = 0; i < 1000; ++i) {
    const uint32_t crc = static_cast<uint32_t>(random());
    EXPECT_EQ(unmasked_crc32c(masked_crc32c(crc)), crc);
    EXPECT_NE(masked_crc32c(crc), crc);
  }
}

}  // namespace
}  // namespace sluice
