// SPDX-License-Identifier: Apache-2.0
// Tables and protocol buffers for tests: whole ones by LevelDB, and parts that can be put together wrongly.
#pragma once
#include <leveldb/env.h>
#include <leveldb/options.h>
#include <leveldb/table_builder.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "weights_io/tensorflow/crc32c.h"

namespace sluice::test {

using Entries = std::map<std::string, std::string>;  // in the order of a table

inline std::span<const std::byte> bytes_of(const std::string &text) { return std::as_bytes(std::span(text)); }

inline std::string whole_file(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct TableShape {
  std::size_t block_bytes = 4096;
  int restart_interval = 16;
  bool is_compressed = false;
};

// The table as LevelDB writes it.
inline void write_table(const std::filesystem::path &path, const Entries &entries, const TableShape &shape = {}) {
  leveldb::WritableFile *opened = nullptr;
  if (!leveldb::Env::Default()->NewWritableFile(path.string(), &opened).ok()) throw std::runtime_error("no file");
  const std::unique_ptr<leveldb::WritableFile> file(opened);
  leveldb::Options options;
  options.compression = shape.is_compressed ? leveldb::kSnappyCompression : leveldb::kNoCompression;
  options.block_size = shape.block_bytes;
  options.block_restart_interval = shape.restart_interval;
  leveldb::TableBuilder builder(options, file.get());
  for (const auto &[key, value] : entries) builder.Add(key, value);
  if (!builder.Finish().ok() || !file->Close().ok()) throw std::runtime_error("no table");
}

// ---- parts of a table

inline std::string varint(uint64_t value) {
  std::string text;
  for (; value >= 0x80; value >>= 7) text += static_cast<char>((value & 0x7f) | 0x80);
  return text + static_cast<char>(value);
}

inline std::string fixed32(uint32_t value) {
  std::string text(sizeof(value), '\0');
  std::memcpy(text.data(), &value, sizeof(value));
  return text;
}

inline std::string fixed64(uint64_t value) {
  std::string text(sizeof(value), '\0');
  std::memcpy(text.data(), &value, sizeof(value));
  return text;
}

inline std::string table_entry(uint64_t shared, const std::string &tail, const std::string &value) {
  return varint(shared) + varint(tail.size()) + varint(value.size()) + tail + value;
}

inline std::string table_block(const std::string &entries, const std::vector<uint32_t> &restarts = {0}) {
  std::string text = entries;
  for (const uint32_t restart : restarts) text += fixed32(restart);
  return text + fixed32(static_cast<uint32_t>(restarts.size()));
}

// With its trailer.
inline std::string sealed(const std::string &block, char type = 0) {
  const std::string covered = block + type;
  return covered + fixed32(masked_crc32c(crc32c(bytes_of(covered))));
}

inline std::string handle(uint64_t offset, uint64_t size) { return varint(offset) + varint(size); }

constexpr uint64_t kTableMagic = 0xdb4775248b80fb57;

inline std::string footer(const std::string &filters, const std::string &index, uint64_t magic = kTableMagic) {
  std::string text = filters + index;
  text.resize(40, '\0');
  return text + fixed64(magic);
}

// A table of one data block, any part of which can be wrong.
struct TableParts {
  std::string data_block = table_block(table_entry(0, "a", "1") + table_entry(1, "b", "2"));
  std::string last_key = "ab";
  std::string index_block;  // empty: the right one
  std::string filters_block = table_block("");
  char data_type = 0, index_type = 0;
  std::string after_data, after_filters, after_index;  // bytes of no block

  std::string text() const {
    std::string text = sealed(data_block, data_type) + after_data;
    const std::string filters = handle(text.size(), filters_block.size());
    text += sealed(filters_block) + after_filters;
    const std::string right = table_block(table_entry(0, last_key, handle(0, data_block.size())));
    const std::string &index = index_block.empty() ? right : index_block;
    const std::string place = handle(text.size(), index.size());
    return text + sealed(index, index_type) + after_index + footer(filters, place);
  }
};

// ---- protocol buffers

inline std::string varint_field(uint32_t number, int64_t value) {
  return varint(number << 3) + varint(static_cast<uint64_t>(value));
}
inline std::string fixed32_field(uint32_t number, uint32_t value) { return varint(number << 3 | 5) + fixed32(value); }
inline std::string fixed64_field(uint32_t number, uint64_t value) { return varint(number << 3 | 1) + fixed64(value); }
inline std::string bytes_field(uint32_t number, const std::string &value) {
  return varint(number << 3 | 2) + varint(value.size()) + value;
}

}  // namespace sluice::test
