// SPDX-License-Identifier: Apache-2.0
// A TensorFlow V2 bundle: an index, which is a sorted table, and the data files beside it.
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "weights_io/checkpoint_formats.h"
#include "weights_io/error.h"
#include "weights_io/safetensors_header.h"
#include "weights_io/tensorflow/crc32c.h"
#include "weights_io/tensorflow/sorted_table.h"
#include "weights_io/tensorflow/tensorflow_files.h"
#include "weights_io/tensorflow/tensorflow_index.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

// Shared prefixes let a small index name much: eight MiB are a hundred thousand names of eighty bytes.
constexpr std::size_t kMaxTotalNameBytes = std::size_t{8} << 20;
constexpr TableLimits kLimits = {kMaxCheckpointTensors + 1, safetensors::kMaxNameBytes, kMaxTotalNameBytes};

// Where the bytes of an entry lie. Names live in the maps they are keys of.
struct Place {
  const std::string *name = nullptr;
  uint64_t offset = 0, size = 0;
  int32_t shard = 0;
  uint32_t masked_crc32c = 0;
  bool is_tensor = false;
};

class TensorFlowBundle final : public Checkpoint {
 public:
  TensorFlowBundle(ByteSource &index, const fs::path &index_path)
      : Checkpoint(CheckpointFormat::tensorflow, index.name()) {
    read_sorted_table(index, kLimits,
                      [this](std::string_view key, std::span<const std::byte> value) { add(key, value); });
    if (shards_ == 0) refuse("it has no header");
    check_slices();
    if (!index_path.empty()) open_data_files(index_path);
    check_places();
    std::erase_if(places_, [](const Place &place) { return !place.is_tensor; });
    slice_owners_.clear();
    partitioned_.clear();
  }

 private:
  [[noreturn]] void refuse(const std::string &reason) const {
    throw Error(ErrorCode::bad_file, fmt::format("{}: not a valid TensorFlow bundle: {}", source_name(), reason));
  }

  // An entry of the table; what is wrong with it is reported under its name. The empty key is the header's.
  void add(std::string_view key, std::span<const std::byte> value) {
    try {
      add_checked(key, value);
    } catch (const Error &error) {
      refuse(fmt::format("{}: {}", key.empty() ? "header" : "entry " + in_quotes(key), error.what()));
    }
  }

  void add_checked(std::string_view key, std::span<const std::byte> value) {
    if (key.empty()) {
      shards_ = tensorflow::parse_header(value);
      return;
    }
    if (shards_ == 0) throw Error(ErrorCode::bad_file, "there is no header before it");
    const bool is_slice = tensorflow::is_slice_key(key);
    const std::string name(is_slice ? tensorflow::owner_of_slice(key) : key);
    const std::string refusal = safetensors::refusal_of_name(name);
    if (!refusal.empty()) throw Error(ErrorCode::bad_file, refusal);
    if (!is_valid_utf8(name)) throw Error(ErrorCode::bad_file, "its name is not valid UTF-8");
    tensorflow::Entry entry = tensorflow::parse_entry(value, shards_);
    if (is_slice && entry.is_partitioned) throw Error(ErrorCode::bad_file, "a slice is itself partitioned");

    Place place = {nullptr,
                   static_cast<uint64_t>(entry.offset),
                   static_cast<uint64_t>(entry.size),
                   entry.shard,
                   entry.masked_crc32c,
                   false};
    if (is_slice) {
      place.name = &*slice_owners_.insert(name).first;
    } else if (!entry.not_read.empty()) {
      place.name = &others_.emplace(name, std::move(entry.not_read)).first->first;
      if (entry.is_partitioned) partitioned_.push_back(*place.name);
    } else {
      place.name = &tensors_.emplace(name, CheckpointTensor{entry.dtype, std::move(entry.shape)}).first->first;
      place.is_tensor = true;
    }
    if (!entry.is_partitioned) places_.push_back(place);
  }

  void check_slices() const {
    for (const std::string &owner : slice_owners_) {
      if (std::binary_search(partitioned_.begin(), partitioned_.end(), std::string_view(owner))) continue;
      refuse(fmt::format("it holds a slice of {}, which is no partitioned variable", in_quotes(owner)));
    }
  }

  // The sizes of all data files; they are opened again one at a time where they are read.
  void open_data_files(const fs::path &index_path) {
    files_.push_back(index_path);
    for (int32_t shard = 0; shard < shards_; ++shard) {
      files_.push_back(tensorflow::data_file(index_path, shard, shards_));
      data_bytes_.push_back(open_file_source(files_.back())->size());
    }
  }

  // Every entry lies within its data file, and no two share bytes: so all tensors together are no larger than the
  // files.
  void check_places() const {
    std::vector<const Place *> places;
    places.reserve(places_.size());
    for (const Place &place : places_) {
      if (place.size != 0) places.push_back(&place);
      if (data_bytes_.empty()) continue;
      const auto shard = static_cast<std::size_t>(place.shard);
      if (place.offset > data_bytes_[shard] || place.size > data_bytes_[shard] - place.offset) {
        refuse(fmt::format("entry {}: ends at byte {} of {}, which has {}", in_quotes(*place.name),
                           place.offset + place.size, files_[shard + 1].string(), data_bytes_[shard]));
      }
    }
    std::sort(places.begin(), places.end(), [](const Place *a, const Place *b) {
      return std::tie(a->shard, a->offset) < std::tie(b->shard, b->offset);
    });
    for (std::size_t i = 1; i < places.size(); ++i) {
      const Place &before = *places[i - 1], &after = *places[i];
      if (before.shard == after.shard && before.offset + before.size > after.offset) {
        refuse(fmt::format("entries {} and {} share bytes", in_quotes(*before.name), in_quotes(*after.name)));
      }
    }
  }

  StoredTensor read_tensor(const std::string &name) override {
    if (files_.empty()) {
      throw Error(ErrorCode::bad_file, fmt::format("{}: tensor {} cannot be read: the index alone was given, its bytes "
                                                   "are in a data file",
                                                   source_name(), in_quotes(name)));
    }
    const auto place = std::lower_bound(places_.begin(), places_.end(), name,
                                        [](const Place &a, const std::string &b) { return *a.name < b; });
    const CheckpointTensor &tensor = tensors_.at(name);
    ByteSource &data = data_file(place->shard);
    StoredTensor stored = {tensor.dtype, tensor.shape, data.read_part(place->offset, place->size)};
    const uint32_t actual = masked_crc32c(crc32c(stored.bytes));
    if (actual != place->masked_crc32c) {
      throw Error(ErrorCode::bad_file,
                  fmt::format("{}: tensor {}: its bytes are damaged: checksum {:08x}, expected {:08x}", data.name(),
                              in_quotes(name), actual, place->masked_crc32c));
    }
    return stored;
  }

  ByteSource &data_file(int32_t shard) {
    if (data_ == nullptr || open_shard_ != shard) {
      data_.reset();
      data_ = open_file_source(files_[static_cast<std::size_t>(shard) + 1]);
      open_shard_ = shard;
    }
    return *data_;
  }

  int32_t shards_ = 0;                // 0: no header yet
  std::vector<uint64_t> data_bytes_;  // of each data file; empty where there are none
  std::deque<Place> places_;          // of the tensors, in the order of their names
  std::set<std::string> slice_owners_;
  std::vector<std::string_view> partitioned_;  // keys of others_, in their order
  std::unique_ptr<ByteSource> data_;
  int32_t open_shard_ = 0;
};

}  // namespace

std::unique_ptr<Checkpoint> open_tensorflow_bundle(SourcePointer index, const fs::path &index_path) {
  const SourcePointer source = std::move(index);  // read once, and let go of here
  return std::make_unique<TensorFlowBundle>(*source, index_path);
}

}  // namespace sluice
