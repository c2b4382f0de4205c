// SPDX-License-Identifier: Apache-2.0
#include "weights_io/tensorflow/crc32c.h"

#include "weights_io/crc_tables.h"

namespace sluice {

uint32_t crc32c(std::span<const std::byte> bytes, uint32_t before) {
  static constexpr CrcTables kTables = make_crc_tables(0x82f63b78);  // 0x1edc6f41 with the bits reversed
  return crc_by_tables(kTables, bytes, before);
}

}  // namespace sluice
