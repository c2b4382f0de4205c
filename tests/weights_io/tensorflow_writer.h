// SPDX-License-Identifier: Apache-2.0
// TensorFlow V2 bundles for tests: the index through LevelDB, the messages in it by hand.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/weights_io/support.h"
#include "tests/weights_io/table_writer.h"
#include "weights_io/tensorflow/crc32c.h"

namespace sluice::test {

// Numbers of types (tensorflow/tensorflow: core/framework/types.proto).
enum TensorFlowType { kFloat = 1, kDouble, kInt32, kUint8, kInt16, kInt8, kString, kComplex64, kInt64, kBool };
constexpr int kBfloat16 = 14, kHalf = 19;

// As proto3 writes a number: not at all where it is 0.
inline std::string number_field(uint32_t number, int64_t value) {
  return value == 0 ? std::string() : varint_field(number, value);
}

inline std::string header_message(int64_t shards) {
  return number_field(1, shards) + bytes_field(3, varint_field(1, 1));
}

inline std::string shape_message(const std::vector<int64_t> &shape) {
  std::string text;
  for (const int64_t extent : shape) text += bytes_field(2, number_field(1, extent));
  return text;
}

struct TestEntry {
  int64_t type = kFloat;
  std::vector<int64_t> shape;
  int64_t shard = 0, offset = 0, size = 0;
  uint32_t masked_crc32c = 0;
  std::string more;  // further fields

  std::string message() const {
    return number_field(1, type) + bytes_field(2, shape_message(shape)) + number_field(3, shard) +
           number_field(4, offset) + number_field(5, size) + fixed32_field(6, masked_crc32c) + more;
  }
};

class TestBundle {
 public:
  explicit TestBundle(std::size_t shards = 1) : data(shards) {
    entries[""] = header_message(static_cast<int64_t>(shards));
  }

  void add(const std::string &name, int64_t type, const std::vector<int64_t> &shape, const std::string &bytes,
           std::size_t shard = 0) {
    const auto offset = static_cast<int64_t>(data[shard].size());
    entries[name] = TestEntry{type,
                              shape,
                              static_cast<int64_t>(shard),
                              offset,
                              static_cast<int64_t>(bytes.size()),
                              sluice::masked_crc32c(crc32c(bytes_of(bytes))),
                              ""}
                        .message();
    data[shard] += bytes;
  }

  std::string data_name(const std::string &prefix, std::size_t shard) const {
    char text[40];
    std::snprintf(text, sizeof(text), ".data-%05zu-of-%05zu", shard, data.size());
    return prefix + text;
  }

  // Gives the path of the index.
  std::filesystem::path write(const Folder &folder, const std::string &prefix = "snap-0",
                              const TableShape &shape = {}) const {
    for (std::size_t shard = 0; shard < data.size(); ++shard) put(folder / data_name(prefix, shard), data[shard]);
    write_table(folder / (prefix + ".index"), entries, shape);
    return folder / (prefix + ".index");
  }

  Entries entries;                // the index
  std::vector<std::string> data;  // the data files
};

}  // namespace sluice::test
