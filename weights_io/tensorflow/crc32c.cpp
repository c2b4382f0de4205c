// SPDX-License-Identifier: Apache-2.0
// CRC-32C by tables, eight bytes a step.
#include "weights_io/tensorflow/crc32c.h"

#include <array>
#include <bit>
#include <cstring>

namespace sluice {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // 0x1edc6f41 with the bits reversed
constexpr std::size_t kStep = 8;

// Row k: what a byte does to the checksum when k more bytes follow it.
constexpr std::array<std::array<uint32_t, 256>, kStep> make_tables() {
  std::array<std::array<uint32_t, 256>, kStep> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < kStep; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const uint32_t crc = tables[k - 1][byte];
      tables[k][byte] = (crc >> 8) ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}

constexpr auto kTables = make_tables();

static_assert(std::endian::native == std::endian::little, "eight bytes are read as one number");

}  // namespace

uint32_t crc32c(std::span<const std::byte> bytes, uint32_t before) {
  uint32_t crc = ~before;
  while (bytes.size() >= kStep) {
    uint64_t next = 0;
    std::memcpy(&next, bytes.data(), kStep);
    next ^= crc;
    crc = 0;
    for (std::size_t k = 0; k < kStep; ++k) crc ^= kTables[kStep - 1 - k][(next >> (8 * k)) & 0xff];
    bytes = bytes.subspan(kStep);
  }
  for (const std::byte byte : bytes) crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<uint32_t>(byte)) & 0xff];
  return ~crc;
}

}  // namespace sluice
