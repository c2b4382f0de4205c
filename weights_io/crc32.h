// SPDX-License-Identifier: Apache-2.0
// CRC-32 (ISO-HDLC, as in PNG and zip; RFC 1952, section 8), the checksum of tensors in our weights files. Our own: a
// library for one network (sluice_add_model) is linked where there may be no zlib.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice {

// Of `bytes`, which follow bytes whose checksum is `before`.
uint32_t crc32(std::span<const std::byte> bytes, uint32_t before = 0);

}  // namespace sluice
