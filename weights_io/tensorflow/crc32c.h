// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli; RFC 3720, appendix B.4), the checksum of LevelDB tables and TensorFlow bundles.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice {

// Of `bytes`, which follow bytes whose checksum is `before`.
uint32_t crc32c(std::span<const std::byte> bytes, uint32_t before = 0);

// As these formats store it: rotated and shifted by a constant, because the checksum of bytes that hold their own
// checksum is worth little (google/leveldb: doc/table_format.md, util/crc32c.h).
constexpr uint32_t kCrc32cMask = 0xa282ead8;
constexpr uint32_t masked_crc32c(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + kCrc32cMask; }
constexpr uint32_t unmasked_crc32c(uint32_t masked) {
  const uint32_t rotated = masked - kCrc32cMask;
  return (rotated >> 17) | (rotated << 15);
}

}  // namespace sluice
