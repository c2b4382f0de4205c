// SPDX-License-Identifier: Apache-2.0
// Cyclic redundancy checks of 32 bits, bits reversed, by tables: sixteen bytes a step.
#pragma once
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace sluice {

constexpr std::size_t kCrcStep = 16;
using CrcTables = std::array<std::array<uint32_t, 256>, kCrcStep>;

// Row k: what a byte does to the checksum when k more bytes follow it. `polynomial`: with the bits reversed.
constexpr CrcTables make_crc_tables(uint32_t polynomial) {
  CrcTables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < kCrcStep; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const uint32_t crc = tables[k - 1][byte];
      tables[k][byte] = (crc >> 8) ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}

static_assert(std::endian::native == std::endian::little, "eight bytes are read as one number");

// Of `bytes`, which follow bytes whose checksum is `before`.
inline uint32_t crc_by_tables(const CrcTables &tables, std::span<const std::byte> bytes, uint32_t before) {
  uint32_t crc = ~before;
  while (bytes.size() >= kCrcStep) {
    uint64_t next[2];
    std::memcpy(next, bytes.data(), kCrcStep);
    next[0] ^= crc;
    crc = 0;
    for (std::size_t k = 0; k < kCrcStep; ++k) crc ^= tables[kCrcStep - 1 - k][(next[k / 8] >> (8 * (k % 8))) & 0xff];
    bytes = bytes.subspan(kCrcStep);
  }
  for (const std::byte byte : bytes) crc = (crc >> 8) ^ tables[0][(crc ^ static_cast<uint32_t>(byte)) & 0xff];
  return ~crc;
}

}  // namespace sluice
