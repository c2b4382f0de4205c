// SPDX-License-Identifier: Apache-2.0
// What stands in the index of a TensorFlow V2 bundle: its header and its entries
// (tensorflow/tensorflow: core/protobuf/tensor_bundle.proto). Errors are reasons only: who reads knows file and entry.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights_io/tensor.h"

namespace sluice::tensorflow {

inline constexpr int32_t kMaxShards = 4096;
inline constexpr std::size_t kMaxRank = 8;

// The number of data files, 1 to kMaxShards. Throws Error(bad_file) also for the bundles that are not read: of a
// machine with other byte order, for later readers only, and what V1 checkpoints hold in this place.
int32_t parse_header(std::span<const std::byte> message);

// The bytes [offset, offset + size) of data file `shard`; the sum fits in int64.
struct Entry {
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  int32_t shard = 0;
  int64_t offset = 0, size = 0;
  uint32_t masked_crc32c = 0;
  bool is_partitioned = false;  // its bytes are those of other entries
  std::string not_read;         // why this is no tensor that is read: "a tensor of type string, which is not read"
};

// Throws Error(bad_file) where it is not an entry of a bundle of that many shards.
Entry parse_entry(std::span<const std::byte> message, int32_t shards);

// Whether a key is that of a slice of a partitioned variable: such keys begin with NUL.
bool is_slice_key(std::string_view key);
// The name of that variable. Throws Error(bad_file) where the key is none.
std::string_view owner_of_slice(std::string_view key);

}  // namespace sluice::tensorflow
