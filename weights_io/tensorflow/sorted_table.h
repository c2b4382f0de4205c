// SPDX-License-Identifier: Apache-2.0
// LevelDB's table of sorted keys (google/leveldb: doc/table_format.md), which TensorFlow writes its indexes in. Strict:
// every byte of the file belongs to a block whose checksum is checked, or to the footer, of which each byte has one
// value. Blocks must follow one another without a hole, so a file of n bytes is read once. Compressed blocks and
// filters, which TensorFlow's V2 indexes do not have, are refused by name.
#pragma once
#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

#include "weights_io/byte_source.h"

namespace sluice {

// Bounds of what prefix compression can blow up: a key takes three bytes where it shares the others.
struct TableLimits {
  std::size_t entries = 0;
  std::size_t key_bytes = 0;        // of one key
  std::size_t total_key_bytes = 0;  // of all keys
};

// Both are valid during the call only.
using TableVisitor = std::function<void(std::string_view key, std::span<const std::byte> value)>;

// Calls `visit` for every entry; keys come strictly increasing as bytes compare. Throws Error(bad_file) naming the file
// and the reason where anything is wrong, perhaps after some calls. Memory: the index and the largest block.
void read_sorted_table(ByteSource &source, const TableLimits &limits, const TableVisitor &visit);

}  // namespace sluice
