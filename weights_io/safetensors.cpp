// SPDX-License-Identifier: Apache-2.0
// Reading tensors behind a checked header, and laying out and writing files.
#include "weights_io/safetensors.h"

#include <fmt/format.h>
#include <zlib.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "weights_io/atomic_file.h"
#include "weights_io/error.h"
#include "weights_io/input_file.h"
#include "weights_io/safetensors_header.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

using safetensors::Entry;
using safetensors::Header;
using safetensors::kChecksumPrefix;
using safetensors::kPrefixBytes;
using safetensors::refuse;

std::string checksum(std::span<const std::byte> bytes) {
  const auto *data = reinterpret_cast<const Bytef *>(bytes.data());
  // zlib answers a null pointer with the initial value, which is also the CRC of nothing.
  return fmt::format("{:08x}", bytes.empty() ? 0 : ::crc32_z(0, data, bytes.size()));
}

bool is_checksum(const std::string &text) {
  return text.size() == 8 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void verify_checksums(const Archive &archive, const std::string &file) {
  for (auto it = archive.metadata.lower_bound(std::string(kChecksumPrefix)); it != archive.metadata.end(); ++it) {
    const auto &[key, stated] = *it;
    if (!key.starts_with(kChecksumPrefix)) break;
    const std::string tensor = key.substr(kChecksumPrefix.size());
    const auto found = archive.tensors.find(tensor);
    if (found == archive.tensors.end())
      refuse(file, fmt::format("a checksum for tensor {}, which is not there", in_quotes(tensor)));
    if (!is_checksum(stated)) {
      refuse(file, fmt::format("tensor {}: checksum {} is not eight hexadecimal digits", in_quotes(tensor),
                               in_quotes(stated)));
    }
    const std::string actual = checksum(found->second.bytes);
    if (actual != stated) {
      refuse(file, fmt::format("tensor {}: its bytes are damaged: checksum {}, expected {}", in_quotes(tensor), actual,
                               stated));
    }
  }
}

// Builds the archive; `read(into)` delivers the payload in order.
template <typename Read>
Archive read_payload(Header header, const std::string &file, Read &&read) {
  Archive archive;
  archive.metadata = std::move(header.metadata);
  for (Entry &entry : header.tensors) {
    StoredTensor &tensor = archive.tensors[entry.name];
    tensor.dtype = entry.dtype;
    tensor.shape = std::move(entry.shape);
    tensor.bytes.resize(static_cast<std::size_t>(entry.end - entry.begin));
    read(std::span<std::byte>(tensor.bytes));
  }
  verify_checksums(archive, file);
  return archive;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

void refuse_short(uint64_t bytes, const std::string &file) {
  if (bytes < kPrefixBytes) refuse(file, fmt::format("{} bytes are too few for a header", bytes));
}

// Refuses to write what could not be read back. Gives the size of the tensor in bytes.
std::size_t check_writable(const std::string &name, const StoredTensor &tensor) {
  const auto fail = [&](const std::string &reason) {
    throw Error(ErrorCode::bad_file, fmt::format("tensor {} cannot be written: {}", in_quotes(name), reason));
  };
  const std::string refusal = safetensors::refusal_of_name(name);
  if (!refusal.empty()) fail(refusal);
  if (name == "__metadata__") fail("the name is reserved");
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

nlohmann::json metadata_json(const Archive &archive, const WriteOptions &options) {
  nlohmann::json metadata = nlohmann::json::object();
  for (const auto &[key, value] : archive.metadata) {
    if (key.starts_with(kChecksumPrefix)) continue;
    if (!is_valid_utf8(key) || !is_valid_utf8(value)) {
      throw Error(ErrorCode::bad_file, fmt::format("metadata {} cannot be written: not valid UTF-8", in_quotes(key)));
    }
    metadata[key] = value;
  }
  if (options.checksums) {
    for (const auto &[name, tensor] : archive.tensors) {
      metadata[std::string(kChecksumPrefix) + name] = checksum(tensor.bytes);
    }
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
  nlohmann::json metadata = metadata_json(archive, options);
  if (!metadata.empty()) header["__metadata__"] = std::move(metadata);
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

Archive read_safetensors(const std::filesystem::path &path) {
  InputFile file(path);
  refuse_short(file.size(), file.name());
  std::byte prefix[kPrefixBytes];
  file.read_exactly(prefix);
  std::string text(static_cast<std::size_t>(safetensors::header_length(prefix, file.size(), file.name())), '\0');
  file.read_exactly(std::as_writable_bytes(std::span<char>(text)));
  Header header = safetensors::parse_header(text, file.size() - kPrefixBytes - text.size(), file.name());
  text = {};
  Archive archive =
      read_payload(std::move(header), file.name(), [&](std::span<std::byte> into) { file.read_exactly(into); });
  std::byte beyond;
  if (file.read_some({&beyond, 1}) != 0) refuse(file.name(), "became longer while it was read");
  return archive;
}

Archive parse_safetensors(std::span<const std::byte> file, const std::string &name_for_errors) {
  refuse_short(file.size(), name_for_errors);
  const uint64_t length = safetensors::header_length(file.data(), file.size(), name_for_errors);
  const auto text = file.subspan(kPrefixBytes, static_cast<std::size_t>(length));
  std::span<const std::byte> rest = file.subspan(kPrefixBytes + text.size());
  return read_payload(safetensors::parse_header(as_text(text), rest.size(), name_for_errors), name_for_errors,
                      [&](std::span<std::byte> into) {
                        if (!into.empty()) std::memcpy(into.data(), rest.data(), into.size());
                        rest = rest.subspan(into.size());
                      });
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
  write_file_atomically(path, serialize_safetensors(archive, options));
}

}  // namespace sluice
