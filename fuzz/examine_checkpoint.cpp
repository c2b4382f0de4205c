// SPDX-License-Identifier: Apache-2.0
// What must hold of any checkpoint that was accepted.
#include <limits>
#include <string>

#include "fuzz/examine.h"
#include "weights_io/safetensors.h"
#include "weights_io/safetensors_header.h"
#include "weights_io/text.h"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kMostPayload = 16u << 20;  // of what is copied for the checks here

bool can_be_written(const Archive &archive) {
  std::size_t payload = 0;
  for (const auto &[name, tensor] : archive.tensors) {
    payload += tensor.bytes.size();
    if (!safetensors::refusal_of_name(name).empty() || name == safetensors::kHeaderName || !is_valid_utf8(name))
      return false;
    if (tensor.shape.size() > safetensors::kMaxRank) return false;
  }
  for (const auto &[key, value] : archive.metadata) {
    if (!is_valid_utf8(key) || !is_valid_utf8(value)) return false;
  }
  return payload <= kMostPayload;
}

// Checksums belong to the writer, so they are not compared.
void check_round_trip(Archive archive) {
  if (!can_be_written(archive)) return;
  std::erase_if(archive.metadata, [](const auto &entry) {
    return entry.first.starts_with(safetensors::kChecksumPrefix) || entry.first == safetensors::kSourceChecksum;
  });
  for (const bool checksums : {false, true}) {
    const std::vector<std::byte> file = serialize_safetensors(archive, {.checksums = checksums});
    const Archive again = parse_safetensors(file, kInputName);
    require(again.tensors == archive.tensors, "what was accepted can be written and read back the same");
    require(checksums || again.metadata == archive.metadata,
            "metadata that were accepted can be written and read back");
  }
}

}  // namespace

void examine_checkpoint(const uint8_t *data, std::size_t size,
                        const std::function<std::unique_ptr<Checkpoint>(SourcePointer)> &open) {
  Archive archive;
  std::map<std::string, CheckpointTensor> stated;
  const bool accepted = is_accepted(size, [&] {
    const std::unique_ptr<Checkpoint> checkpoint = open(open_memory_source(as_bytes(data, size), kInputName));
    stated = checkpoint->tensors();
    std::size_t payload = 0;
    for (const auto &[name, tensor] : stated) {
      StoredTensor stored = checkpoint->read(name);
      payload += stored.bytes.size();
      // Tensors may share their bytes, so all of them together may be far more than the file.
      if (payload <= size) archive.tensors[name] = std::move(stored);
      if (payload > kMostPayload) break;
    }
    archive.metadata = checkpoint->metadata();
  });
  if (!accepted) return;
  for (const auto &[name, tensor] : archive.tensors) {
    require(tensor.dtype == stated.at(name).dtype && tensor.shape == stated.at(name).shape,
            "a tensor has the type and shape that were stated");
    require(tensor.bytes.size() == static_cast<std::size_t>(tensor.elements()) * size_bytes(tensor.dtype),
            "a tensor has the bytes of its type and shape");
  }
  check_round_trip(std::move(archive));
}

}  // namespace sluice::fuzz
