// SPDX-License-Identifier: Apache-2.0
// BundleHeaderProto, BundleEntryProto and the messages within. A field that may stand once and stands twice is refused:
// no writer does it, and readers would disagree about its value.
#include "weights_io/tensorflow/tensorflow_index.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "weights_io/error.h"
#include "weights_io/tensorflow/protobuf_wire.h"

namespace sluice::tensorflow {
namespace {

using protobuf::Field;
using protobuf::Reader;
using protobuf::SeenFields;

constexpr int32_t kVersion = 1;  // of the bundle format, the only one there is

struct TypeRow {
  const char *name;
  std::optional<DType> dtype;
};

// By number (tensorflow/tensorflow: core/framework/types.proto).
constexpr std::array<TypeRow, 31> kTypes = {{{"invalid", {}},
                                             {"float", DType::f32},
                                             {"double", DType::f64},
                                             {"int32", DType::i32},
                                             {"uint8", DType::u8},
                                             {"int16", DType::i16},
                                             {"int8", DType::i8},
                                             {"string", {}},
                                             {"complex64", {}},
                                             {"int64", DType::i64},
                                             {"bool", DType::boolean},
                                             {"qint8", {}},
                                             {"quint8", {}},
                                             {"qint32", {}},
                                             {"bfloat16", DType::bf16},
                                             {"qint16", {}},
                                             {"quint16", {}},
                                             {"uint16", {}},
                                             {"complex128", {}},
                                             {"half", DType::f16},
                                             {"resource", {}},
                                             {"variant", {}},
                                             {"uint32", {}},
                                             {"uint64", {}},
                                             {"float8_e5m2", {}},
                                             {"float8_e4m3fn", {}},
                                             {"float8_e4m3fnuz", {}},
                                             {"float8_e4m3b11fnuz", {}},
                                             {"float8_e5m2fnuz", {}},
                                             {"int4", {}},
                                             {"uint4", {}}}};

[[noreturn]] void fail(const std::string &reason) { throw Error(ErrorCode::bad_file, reason); }

void check_bad_consumer(int64_t version) {
  if (version == kVersion) fail(fmt::format("it must not be read by readers of version {}, which this is", version));
}

// VersionDef{1 producer, 2 min_consumer, 3 repeated bad_consumers}.
void check_version(std::span<const std::byte> message) {
  Reader reader(message);
  Field field;
  SeenFields seen;
  while (reader.next(field)) {
    if (field.number == 1 || field.number == 2) {
      seen.once(field);
      const int32_t version = field.int32();
      if (field.number == 2 && version > kVersion) {
        fail(fmt::format("it needs a reader of version {}, this one knows version {}", version, kVersion));
      }
    } else if (field.number == 3 && field.type == protobuf::WireType::bytes) {
      for (Reader packed(field.bytes); !packed.at_end();) check_bad_consumer(static_cast<int64_t>(packed.varint()));
    } else if (field.number == 3) {
      check_bad_consumer(field.int64());
    }
  }
}

// TensorShapeProto.Dim{1 size, 2 name}.
int64_t parse_extent(std::span<const std::byte> message) {
  Reader reader(message);
  Field field;
  SeenFields seen;
  int64_t extent = 0;
  while (reader.next(field)) {
    if (field.number > 2) continue;
    seen.once(field);
    if (field.number == 1) extent = field.int64();
  }
  if (extent < 0) fail(fmt::format("its shape has an extent of {}", extent));
  return extent;
}

// TensorShapeProto{2 repeated dim, 3 unknown_rank}. Gives the number of dimensions, of which `shape` has kMaxRank at
// most.
std::size_t parse_shape(std::span<const std::byte> message, std::vector<int64_t> &shape) {
  std::array<int64_t, kMaxRank> extents{};
  std::size_t rank = 0;
  Reader reader(message);
  Field field;
  SeenFields seen;
  while (reader.next(field)) {
    if (field.number == 2) {
      const int64_t extent = parse_extent(field.message());
      if (rank < kMaxRank) extents[rank] = extent;
      ++rank;
    } else if (field.number == 3) {
      seen.once(field);
      if (field.boolean()) fail("its shape has no known rank");
    }
  }
  shape.assign(extents.begin(), extents.begin() + static_cast<std::ptrdiff_t>(rank < kMaxRank ? rank : kMaxRank));
  return rank;
}

struct RawEntry {
  Entry entry;
  int32_t type = 0;
  std::size_t rank = 0, slices = 0;
};

RawEntry parse_fields(std::span<const std::byte> message) {
  RawEntry raw;
  Reader reader(message);
  Field field;
  SeenFields seen;
  while (reader.next(field)) {
    if (field.number < 7) seen.once(field);
    switch (field.number) {
      case 1:
        raw.type = field.int32();
        break;
      case 2:
        raw.rank = parse_shape(field.message(), raw.entry.shape);
        break;
      case 3:
        raw.entry.shard = field.int32();
        break;
      case 4:
        raw.entry.offset = field.int64();
        break;
      case 5:
        raw.entry.size = field.int64();
        break;
      case 6:
        raw.entry.masked_crc32c = field.fixed32();
        break;
      case 7:
        field.message();
        ++raw.slices;
        break;
      default:  // of a later version
        break;
    }
  }
  return raw;
}

void check_place(const Entry &entry, int32_t shards) {
  if (entry.shard < 0 || entry.shard >= shards) {
    fail(fmt::format("it lies in data file {} of a bundle of {}", entry.shard, shards));
  }
  int64_t end = 0;
  if (entry.offset < 0 || entry.size < 0 || __builtin_add_overflow(entry.offset, entry.size, &end)) {
    fail(fmt::format("it has {} bytes from byte {} on", entry.size, entry.offset));
  }
}

void check_size(const Entry &entry) {
  int64_t bytes = 0;
  if (__builtin_mul_overflow(element_count(entry.shape), static_cast<int64_t>(size_bytes(entry.dtype)), &bytes)) {
    fail(fmt::format("the size of shape {} as {} overflows", shape_text(entry.shape), name(entry.dtype)));
  }
  if (bytes != entry.size) {
    fail(fmt::format("shape {} as {} takes {} bytes, it has {}", shape_text(entry.shape), name(entry.dtype), bytes,
                     entry.size));
  }
}

}  // namespace

int32_t parse_header(std::span<const std::byte> message) {
  Reader reader(message);
  Field field;
  SeenFields seen;
  int32_t shards = 0;
  while (reader.next(field)) {
    if (field.number > 3) continue;
    // SavedTensorSlices{1 meta} stands here in a V1 checkpoint.
    if (field.number == 1 && field.type == protobuf::WireType::bytes) {
      fail("it is a TensorFlow V1 checkpoint, which is not read: restore it in TensorFlow and save it as V2");
    }
    seen.once(field);
    if (field.number == 1) shards = field.int32();
    if (field.number == 2 && field.int32() == 1) fail("it comes from a big-endian machine, which is not read");
    if (field.number == 2 && field.int32() != 0) fail(fmt::format("byte order {} does not exist", field.int32()));
    if (field.number == 3) check_version(field.message());
  }
  if (shards < 1 || shards > kMaxShards) {
    fail(fmt::format("it has {} data files, 1 to {} are accepted", shards, kMaxShards));
  }
  return shards;
}

Entry parse_entry(std::span<const std::byte> message, int32_t shards) {
  RawEntry raw = parse_fields(message);
  Entry &entry = raw.entry;
  if (raw.type < 1 || raw.type >= static_cast<int32_t>(kTypes.size())) {
    fail(fmt::format("element type {} does not exist", raw.type));
  }
  entry.is_partitioned = raw.slices != 0;
  if (entry.is_partitioned) {
    entry.not_read = fmt::format("a variable partitioned into {} slices, which is not read", raw.slices);
    return entry;
  }
  check_place(entry, shards);
  const TypeRow &type = kTypes[static_cast<std::size_t>(raw.type)];
  if (!type.dtype) {
    entry.not_read = fmt::format("a tensor of type {}, which is not read", type.name);
  } else if (raw.rank > kMaxRank) {
    entry.not_read = fmt::format("a tensor of {} dimensions, which is not read", raw.rank);
  } else {
    entry.dtype = *type.dtype;
    check_size(entry);
  }
  return entry;
}

bool is_slice_key(std::string_view key) { return key.starts_with('\0'); }

// The key is NUL, the name with its end marked by NUL and 1, and numbers (tensorflow/tensorflow:
// core/util/saved_tensor_slice_util.cc). In the name NUL and 0xff would be escaped; no name that is read has them.
std::string_view owner_of_slice(std::string_view key) {
  const std::size_t end = key.find('\0', 1);
  if (end == std::string_view::npos || end + 1 == key.size() || key[end + 1] != '\1') {
    fail("the key of a slice names no variable");
  }
  return key.substr(1, end - 1);
}

}  // namespace sluice::tensorflow
