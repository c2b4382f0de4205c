// SPDX-License-Identifier: Apache-2.0
// Reading tensors behind a checked header, and laying out and writing files.
#include "weights_io/safetensors.h"

#include <fmt/format.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "weights_io/atomic_file.h"
#include "weights_io/checkpoint.h"
#include "weights_io/checkpoint_formats.h"
#include "weights_io/crc32.h"
#include "weights_io/error.h"
#include "weights_io/safetensors_header.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

using safetensors::Entry;
using safetensors::Header;
using safetensors::kChecksumPrefix;
using safetensors::kPrefixBytes;
using safetensors::refuse;

std::string checksum(std::span<const std::byte> bytes) { return safetensors::checksum_text(crc32(bytes)); }

bool is_checksum(const std::string &text) {
  return text.size() == 8 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// Checks that each checksum is one and belongs to a tensor that is there.
void check_checksum_entries(const Header &header, const std::string &file) {
  const auto first = header.metadata.lower_bound(std::string(kChecksumPrefix));
  if (first == header.metadata.end() || !first->first.starts_with(kChecksumPrefix)) return;
  std::set<std::string_view> names;
  for (const Entry &entry : header.tensors) names.insert(entry.name);
  for (auto it = first; it != header.metadata.end() && it->first.starts_with(kChecksumPrefix); ++it) {
    const std::string tensor = it->first.substr(kChecksumPrefix.size());
    if (tensor != safetensors::kHeaderName && names.count(tensor) == 0)
      refuse(file, fmt::format("a checksum for tensor {}, which is not there", in_quotes(tensor)));
    if (!is_checksum(it->second)) {
      refuse(file, fmt::format("tensor {}: checksum {} is not eight hexadecimal digits", in_quotes(tensor),
                               in_quotes(it->second)));
    }
  }
}

// The checksums of the tensors protect their bytes. This one protects the rest: a file in which one byte of a name, a
// type, a shape or of the metadata was changed is refused too. It covers what the header means, not its text, so that
// programs may order tensors or set spaces as they like; one that adds metadata must drop it. A changed byte of the key
// cannot hide it: keys that end like it and begin otherwise are refused, and so are checksums of tensors that are not
// there.
template <typename Tensors>  // a map from names to what has a dtype and a shape
std::string header_checksum(const Tensors &tensors, const std::map<std::string, std::string> &metadata) {
  safetensors::HeaderChecksum sum;
  for (const auto &[name, tensor] : tensors) sum.add_tensor(name, tensor.dtype, tensor.shape);
  for (const auto &[key, value] : metadata) {
    if (key != safetensors::kHeaderChecksum && !key.starts_with(safetensors::kSourcePrefix))
      sum.add_metadata(key, value);
  }
  sum.add(metadata.count(std::string(safetensors::kSourceChecksum)));  // so that its key is protected as well
  return sum.text();
}

std::string source_checksum(const std::map<std::string, std::string> &metadata) {
  safetensors::HeaderChecksum sum;
  for (auto it = metadata.lower_bound(std::string(safetensors::kSourcePrefix)); it != metadata.end(); ++it) {
    if (!it->first.starts_with(safetensors::kSourcePrefix)) break;
    if (it->first != safetensors::kSourceChecksum) sum.add_metadata(it->first, it->second);
  }
  return sum.text();
}

class SafetensorsCheckpoint final : public Checkpoint {
 public:
  explicit SafetensorsCheckpoint(SourcePointer source)
      : Checkpoint(CheckpointFormat::safetensors, source->name()), source_(std::move(source)) {
    Header header = read_header();
    check_checksum_entries(header, source_name());
    metadata_ = std::move(header.metadata);
    for (Entry &entry : header.tensors) {
      offsets_[entry.name] = payload_ + entry.begin;
      tensors_[entry.name] = {entry.dtype, std::move(entry.shape)};
    }
    check_header();
  }

 private:
  Header read_header() {
    if (source_->size() < kPrefixBytes)
      refuse(source_name(), fmt::format("{} bytes are too few for a header", source_->size()));
    std::byte prefix[kPrefixBytes];
    source_->read_at(0, prefix);
    const uint64_t length = safetensors::header_length(prefix, source_->size(), source_name());
    std::string text(static_cast<std::size_t>(length), '\0');
    source_->read_at(kPrefixBytes, std::as_writable_bytes(std::span<char>(text)));
    payload_ = kPrefixBytes + length;
    return safetensors::parse_header(text, source_->size() - payload_, source_name());
  }

  void check_header() const {
    check_metadata(safetensors::kHeaderChecksum, header_checksum(tensors_, metadata_));
    check_metadata(safetensors::kSourceChecksum, source_checksum(metadata_));
  }

  void check_metadata(std::string_view key, const std::string &actual) const {
    const auto stated = metadata_.find(std::string(key));
    if (stated == metadata_.end() || actual == stated->second) return;
    refuse(source_name(),
           fmt::format("the header is damaged: checksum {}, expected {}", actual, in_quotes(stated->second)));
  }

  StoredTensor read_tensor(const std::string &name) override {
    const CheckpointTensor &tensor = tensors_.at(name);
    const auto bytes = static_cast<uint64_t>(element_count(tensor.shape)) * size_bytes(tensor.dtype);
    StoredTensor stored = {tensor.dtype, tensor.shape, source_->read_part(offsets_.at(name), bytes)};
    const auto stated = metadata_.find(std::string(kChecksumPrefix) + name);
    if (stated == metadata_.end()) return stored;
    const std::string actual = checksum(stored.bytes);
    if (actual != stated->second) {
      refuse(source_name(), fmt::format("tensor {}: its bytes are damaged: checksum {}, expected {}", in_quotes(name),
                                        actual, stated->second));
    }
    return stored;
  }

  SourcePointer source_;
  uint64_t payload_ = 0;
  std::map<std::string, uint64_t> offsets_;
};

// Refuses to write what could not be read back. Gives the size of the tensor in bytes.
std::size_t check_writable(const std::string &name, const StoredTensor &tensor) {
  const auto fail = [&](const std::string &reason) {
    throw Error(ErrorCode::bad_file, fmt::format("tensor {} cannot be written: {}", in_quotes(name), reason));
  };
  const std::string refusal = safetensors::refusal_of_name(name);
  if (!refusal.empty()) fail(refusal);
  if (name == safetensors::kHeaderName) fail("the name is reserved");
  if (!is_valid_utf8(name)) fail("its name is not valid UTF-8");
  if (tensor.shape.size() > safetensors::kMaxRank) fail(fmt::format("more than {} dimensions", safetensors::kMaxRank));
  const auto elements = static_cast<std::size_t>(tensor.elements());
  const std::size_t size = size_bytes(tensor.dtype);
  if (tensor.bytes.size() % size != 0 || tensor.bytes.size() / size != elements) {
    fail(fmt::format("shape {} as {} does not take {} bytes", shape_text(tensor.shape), sluice::name(tensor.dtype),
                     tensor.bytes.size()));
  }
  return tensor.bytes.size();
}

std::map<std::string, std::string> metadata_to_write(const Archive &archive, const WriteOptions &options) {
  std::map<std::string, std::string> metadata;
  for (const auto &[key, value] : archive.metadata) {
    if (key.starts_with(kChecksumPrefix) || key == safetensors::kSourceChecksum) continue;
    const auto fail = [&key = key](const char *reason) {
      throw Error(ErrorCode::bad_file, fmt::format("metadata {} cannot be written: {}", in_quotes(key), reason));
    };
    if (!is_valid_utf8(key) || !is_valid_utf8(value)) fail("not valid UTF-8");
    if (key.ends_with(safetensors::kHeaderName)) fail("such names are reserved");
    metadata[key] = value;
  }
  if (options.checksums) {
    for (const auto &[name, tensor] : archive.tensors) {
      metadata[std::string(kChecksumPrefix) + name] = checksum(tensor.bytes);
    }
    const auto source = metadata.lower_bound(std::string(safetensors::kSourcePrefix));
    if (source != metadata.end() && source->first.starts_with(safetensors::kSourcePrefix))
      metadata[std::string(safetensors::kSourceChecksum)] = source_checksum(metadata);
    metadata[std::string(safetensors::kHeaderChecksum)] = header_checksum(archive.tensors, metadata);
  }
  if (metadata.size() > safetensors::kMaxMetadata) {
    throw Error(ErrorCode::bad_file, fmt::format("more than {} metadata entries", safetensors::kMaxMetadata));
  }
  return metadata;
}

// The length prefix and the header, padded with spaces so that the payload begins at a multiple of eight.
std::string prefix_and_header(const Archive &archive, const WriteOptions &options) {
  if (archive.tensors.size() > safetensors::kMaxTensors) {
    throw Error(ErrorCode::bad_file, fmt::format("more than {} tensors", safetensors::kMaxTensors));
  }
  nlohmann::json header = nlohmann::json::object();
  uint64_t at = 0;
  for (const auto &[name, tensor] : archive.tensors) {
    const uint64_t end = at + check_writable(name, tensor);
    header[name] = {{"dtype", sluice::name(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {at, end}}};
    at = end;
  }
  const std::map<std::string, std::string> metadata = metadata_to_write(archive, options);
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t length = text.size();
  if (length > safetensors::kMaxHeaderBytes) {
    throw Error(ErrorCode::bad_file, fmt::format("a header of {} bytes is more than any reader accepts", length));
  }
  std::string result(kPrefixBytes, '\0');
  std::memcpy(result.data(), &length, sizeof(length));
  return result + text;
}

}  // namespace

std::unique_ptr<Checkpoint> open_safetensors_checkpoint(SourcePointer source) {
  return std::make_unique<SafetensorsCheckpoint>(std::move(source));
}

Archive read_safetensors(const std::filesystem::path &path) {
  return read_all(*open_safetensors_checkpoint(open_file_source(path)));
}

Archive parse_safetensors(std::span<const std::byte> file, const std::string &name_for_errors) {
  return read_all(*open_safetensors_checkpoint(open_memory_source(file, name_for_errors)));
}

std::vector<std::byte> serialize_safetensors(const Archive &archive, const WriteOptions &options) {
  const std::string header = prefix_and_header(archive, options);
  const auto *first = reinterpret_cast<const std::byte *>(header.data());
  std::size_t total = header.size();
  for (const auto &[name, tensor] : archive.tensors) total += tensor.bytes.size();
  std::vector<std::byte> file;
  file.reserve(total);
  file.assign(first, first + header.size());
  for (const auto &[name, tensor] : archive.tensors) file.insert(file.end(), tensor.bytes.begin(), tensor.bytes.end());
  return file;
}

void write_safetensors(const std::filesystem::path &path, const Archive &archive, const WriteOptions &options) {
  const std::string header = prefix_and_header(archive, options);
  AtomicFile file(path);
  file.write_at(0, std::as_bytes(std::span(header)));
  uint64_t at = header.size();
  for (const auto &[name, tensor] : archive.tensors) {
    file.write_at(at, tensor.bytes);
    at += tensor.bytes.size();
  }
  file.commit();
}

}  // namespace sluice
