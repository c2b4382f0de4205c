// SPDX-License-Identifier: Apache-2.0
#include "weights_io/crc32.h"

#include "weights_io/crc_tables.h"

namespace sluice {

uint32_t crc32(std::span<const std::byte> bytes, uint32_t before) {
  static constexpr CrcTables kTables = make_crc_tables(0xedb88320);  // 0x04c11db7 with the bits reversed
  return crc_by_tables(kTables, bytes, before);
}

}  // namespace sluice
