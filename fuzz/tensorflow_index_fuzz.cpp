// SPDX-License-Identifier: Apache-2.0
// Fuzz target: indexes of TensorFlow V2 bundles; the one data file beside them is 4096 zeros. Mutations mend the
// checksums of blocks.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>

#include "fuzz/examine.h"
#include "weights_io/tensorflow/crc32c.h"

namespace {

using namespace sluice;
namespace fs = std::filesystem;

constexpr std::size_t kFooter = 48, kTrailer = 5;

// ---- checksums

// A number in groups of seven bits, and behind it.
std::optional<uint64_t> varint(std::span<const uint8_t> file, std::size_t &at) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && at < file.size(); shift += 7) {
    const uint8_t byte = file[at++];
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

// The block that the handle at `at` names, with its checksum mended; empty where there is none.
std::span<const uint8_t> mend_block(std::span<uint8_t> file, std::size_t &at) {
  const auto offset = varint(file, at), size = varint(file, at);
  if (!offset || !size || *offset > file.size() || *size > file.size() - *offset) return {};
  if (file.size() - *offset - *size < kTrailer) return {};
  const auto covered = file.subspan(*offset, *size + 1);
  const uint32_t sum = masked_crc32c(crc32c(std::as_bytes(covered)));
  for (std::size_t i = 0; i < 4; ++i) file[*offset + *size + 1 + i] = static_cast<uint8_t>(sum >> (8 * i));
  return covered.first(*size);
}

void mend_checksums(std::span<uint8_t> file) {
  if (file.size() < kFooter) return;
  std::size_t at = file.size() - kFooter;
  mend_block(file, at);  // of the filters
  const std::span<const uint8_t> index = mend_block(file, at);
  if (index.empty()) return;
  // Each entry is the last key of a block and its handle; behind them stand the restarts, of which writers make one.
  constexpr std::size_t kRestarts = 8;
  if (index.size() < kRestarts) return;
  at = static_cast<std::size_t>(index.data() - file.data());
  const std::size_t end = at + index.size() - kRestarts;
  while (at < end) {
    const auto shared = varint(file, at), unshared = varint(file, at), value = varint(file, at);
    if (!shared || !unshared || !value || at >= end || *unshared >= end - at) break;
    at += *unshared;
    if (mend_block(file, at).empty()) break;
  }
  // A data block may have been the index itself.
  at = file.size() - kFooter;
  mend_block(file, at);
  mend_block(file, at);
}

// ---- a bundle on disk

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "sluice-fuzz-XXXXXX").string();
    fuzz::require(::mkdtemp(name.data()) != nullptr, "there can be a temporary folder");
    path_ = name;
    std::ofstream(path_ / "x.data-00000-of-00001", std::ios::binary) << std::string(4096, '\0');
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder &) = delete;
  Folder &operator=(const Folder &) = delete;

  // Messages name its path.
  fs::path put_index(const uint8_t *data, std::size_t size) const {
    fs::path index = path_ / "x.index";
    std::ofstream(index, std::ios::binary)
        .write(reinterpret_cast<const char *>(data), static_cast<std::streamsize>(size));
    return index;
  }

 private:
  fs::path path_;
};

// The path is in messages in place of the input's name.
void read_bundle(const fs::path &index) {
  try {
    const std::unique_ptr<Checkpoint> checkpoint = open_checkpoint(index);
    for (const auto &[name, tensor] : checkpoint->tensors()) {
      const StoredTensor stored = checkpoint->read(name);
      fuzz::require(stored.bytes.size() == static_cast<std::size_t>(stored.elements()) * size_bytes(stored.dtype),
                    "a tensor has the bytes of its type and shape");
    }
  } catch (const Error &error) {
    const bool is_named = std::string(error.what()).find(index.stem().string()) != std::string::npos;
    throw Error(error.code(), (is_named ? fuzz::kInputName : "no name") + std::string(": ") + error.what());
  }
}

}  // namespace

// Most mutations change a few bytes of the blocks and keep every other where it is, or hardly a handle would be right.
extern "C" std::size_t LLVMFuzzerCustomMutator(uint8_t *data, std::size_t size, std::size_t most, unsigned seed) {
  constexpr std::size_t kPart = 16;
  std::size_t mutated = size;
  if (seed % 4 == 0 || size < kFooter + kPart) {
    mutated = LLVMFuzzerMutate(data, size, most);
  } else {
    uint8_t *const part = data + seed / 4 % (size - kFooter - kPart + 1);
    LLVMFuzzerMutate(part, 1 + seed % kPart, kPart);
  }
  if (seed % 8 != 4) mend_checksums({data, mutated});
  return mutated;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size) {
  std::unique_ptr<Checkpoint> alone;
  const auto open = [&] {
    alone = open_tensorflow_bundle(open_memory_source(fuzz::as_bytes(data, size), fuzz::kInputName), {});
  };
  if (!fuzz::is_accepted(size, open)) return 0;
  for (const auto &tensor : alone->tensors()) {
    fuzz::require(!fuzz::succeeds(size, [&] { alone->read(tensor.first); }), "an index alone has no bytes of tensors");
    fuzz::require(element_count(tensor.second.shape) >= 0, "a shape is one");
  }
  static const Folder folder;
  const fs::path index = folder.put_index(data, size);
  fuzz::succeeds(4096 + size, [&] { read_bundle(index); }, {.codes = {ErrorCode::bad_file, ErrorCode::not_found}});
  return 0;
}
