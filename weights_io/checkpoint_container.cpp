// SPDX-License-Identifier: Apache-2.0
// Which container a file is.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include "weights_io/checkpoint.h"
#include "weights_io/checkpoint_formats.h"
#include "weights_io/tensorflow/tensorflow_files.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLookAt = 16;
constexpr std::size_t kTableFooter = 48;

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

bool ends_like_a_table(ByteSource &source) {
  static constexpr std::array<unsigned char, 8> kMagic = {0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};
  if (source.size() < kTableFooter) return false;
  const std::vector<std::byte> end = source.read_part(source.size() - kMagic.size(), kMagic.size());
  return std::memcmp(end.data(), kMagic.data(), kMagic.size()) == 0;
}

// What torch 0.1 wrote: a tar archive. The reader of old PyTorch files says so.
bool is_tar(ByteSource &source) {
  static constexpr std::string_view kMagic = "ustar";
  static constexpr uint64_t kAt = 257;
  return source.holds(kAt, kMagic.size()) && as_text(source.read_part(kAt, kMagic.size())) == kMagic;
}

// The container, told by the first bytes, and for a table by the last ones; nothing for text and the like.
std::optional<CheckpointFormat> recognised(ByteSource &source) {
  std::array<std::byte, kLookAt> first{};
  const std::size_t length = static_cast<std::size_t>(std::min<uint64_t>(source.size(), kLookAt));
  source.read_at(0, std::span(first).first(length));
  const std::string_view text = as_text(std::span(first).first(length));
  if (text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06")) return CheckpointFormat::torch_zip;
  if (ends_like_a_table(source)) return CheckpointFormat::tensorflow;
  // A header stands behind eight bytes of length, none of which fills the last one.
  if (length > 8 && text[7] == '\0' && text[8] == '{') return CheckpointFormat::safetensors;
  // Protocols from 2 on say their number; the others begin with torch's magic number in decimal.
  const bool is_pickle = (length >= 2 && text[0] == '\x80' && text[1] >= 1 && text[1] <= 5) ||
                         text.starts_with("L119547037146038") || is_tar(source);
  return is_pickle ? std::optional(CheckpointFormat::torch_legacy) : std::nullopt;
}

std::unique_ptr<Checkpoint> open_source(SourcePointer source, const fs::path &path) {
  // An index that lost its end is still called one.
  const auto otherwise = path.extension() == ".index" ? CheckpointFormat::tensorflow : CheckpointFormat::safetensors;
  switch (recognised(*source).value_or(otherwise)) {
    case CheckpointFormat::torch_zip:
      return open_torch_zip(std::move(source));
    case CheckpointFormat::torch_legacy:
      return open_torch_legacy(std::move(source));
    case CheckpointFormat::tensorflow:
      return open_tensorflow_bundle(std::move(source), path);
    case CheckpointFormat::safetensors:
      break;
  }
  return open_safetensors_checkpoint(std::move(source));
}

}  // namespace

std::unique_ptr<Checkpoint> open_checkpoint(const fs::path &path) {
  const fs::path file = tensorflow::file_to_open(path);
  std::unique_ptr<Checkpoint> checkpoint = open_source(open_file_source(file), file);
  if (checkpoint->files_.empty()) checkpoint->files_.push_back(file);
  return checkpoint;
}

std::unique_ptr<Checkpoint> open_checkpoint(std::span<const std::byte> bytes, const std::string &name_for_errors) {
  return open_source(open_memory_source(bytes, name_for_errors), {});
}

bool looks_like_checkpoint(const fs::path &path) {
  std::error_code ignored;
  const fs::path file = tensorflow::file_to_open(path);
  if (!fs::is_regular_file(file, ignored)) return false;
  return file.extension() == ".index" || recognised(*open_file_source(file)).has_value();
}

}  // namespace sluice
