// SPDX-License-Identifier: Apache-2.0
// CRC-32 against its published check value and against zlib's.
#include "weights_io/crc32.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>
#include <string>
#include <vector>

namespace sluice {
namespace {

TEST(Crc32, PublishedValue) {
  const std::string digits = "123456789";
  EXPECT_EQ(crc32(std::as_bytes(std::span(digits))), 0xcbf43926u);
  EXPECT_EQ(crc32({}), 0u);
}

TEST(Crc32, LikeZlibForEveryLengthAndInParts) {
  std::mt19937 random(20261122);
  for (std::size_t length = 1; length < 200; ++length) {
    std::vector<std::byte> bytes(length);
    for (std::byte &byte : bytes) byte = static_cast<std::byte>(random() & 0xff);
    const auto expected =
        static_cast<uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef *>(bytes.data()), bytes.size()));
    EXPECT_EQ(crc32(bytes), expected) << length;
    const std::span<const std::byte> whole(bytes);
    const std::size_t cut = random() % length;
    EXPECT_EQ(crc32(whole.subspan(cut), crc32(whole.first(cut))), expected) << length << " cut at " << cut;
  }
}

}  // namespace
}  // namespace sluice
