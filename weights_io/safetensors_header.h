// SPDX-License-Identifier: Apache-2.0
// The header of a safetensors file: every rule of the format, checked before anything is allocated for a tensor.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "weights_io/tensor.h"

namespace sluice::safetensors {

inline constexpr std::size_t kPrefixBytes = 8;  // the header's length, little endian
// The format allows 100 MB. Reading takes several times the header's size, which is to stay below 32 MB, and some 10 ns
// a byte: a file is to be refused within 100 ms on slow machines, too.
inline constexpr uint64_t kMaxHeaderBytes = 4'000'000;
inline constexpr std::size_t kMaxRank = 8;
inline constexpr std::size_t kMaxTensors = 25'000;   // these two bound the memory a header of repeated
inline constexpr std::size_t kMaxMetadata = 60'000;  // tiny entries can claim
inline constexpr std::size_t kMaxNameBytes = 4096;
inline constexpr std::string_view kChecksumPrefix = "crc32.";
// The checksum of the header's meaning. No tensor can have this name.
inline constexpr std::string_view kHeaderName = "__metadata__";
inline constexpr std::string_view kHeaderChecksum = "crc32.__metadata__";
// Metadata that says where weights came from begins so, and has a checksum of its own: the same weights from two files
// differ in nothing else.
inline constexpr std::string_view kSourcePrefix = "source_";
inline constexpr std::string_view kSourceChecksum = "source_crc32.__metadata__";

struct Entry {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // in the payload
};

struct Header {
  std::vector<Entry> tensors;  // in the order of the payload, which they cover without hole or overlap
  std::map<std::string, std::string> metadata;
};

// CRC-32 of what is added, each kind sorted by name; eight hexadecimal digits.
class HeaderChecksum {
 public:
  void add_tensor(std::string_view name, DType dtype, const std::vector<int64_t> &shape);
  void add_metadata(std::string_view key, std::string_view value);
  void add(uint64_t number);
  std::string text() const;

 private:
  void add(std::string_view text);

  uint32_t sum_ = 0;
};

// CRC-32 as it stands in metadata: eight hexadecimal digits.
std::string checksum_text(uint32_t sum);

// Why a tensor of this name cannot be in a file; empty when it can.
std::string refusal_of_name(std::string_view name);

// Throws Error(bad_file) "<file>: not a valid safetensors file: <reason>".
[[noreturn]] void refuse(const std::string &file, const std::string &reason);

// The length the prefix states, checked against the limit and against the size of the whole file.
uint64_t header_length(const std::byte *prefix, uint64_t file_bytes, const std::string &file);

Header parse_header(std::string_view text, uint64_t payload_bytes, const std::string &file);

}  // namespace sluice::safetensors
