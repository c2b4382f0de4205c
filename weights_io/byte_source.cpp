// SPDX-License-Identifier: Apache-2.0
// Sources of bytes: a file, read where it is asked for, and memory.
#include "weights_io/byte_source.h"

#include <fmt/format.h>

#include <cstring>

#include "weights_io/error.h"
#include "weights_io/input_file.h"

namespace sluice {
namespace {

class FileSource final : public ByteSource {
 public:
  explicit FileSource(std::unique_ptr<InputFile> file)
      : ByteSource(file->name(), file->size()), file_(std::move(file)) {}

 private:
  void read_within(uint64_t offset, std::span<std::byte> into) override { file_->read_at(offset, into); }

  std::unique_ptr<InputFile> file_;
};

class MemorySource final : public ByteSource {
 public:
  MemorySource(std::span<const std::byte> bytes, const std::string &name)
      : ByteSource(name, bytes.size()), bytes_(bytes) {}

 private:
  void read_within(uint64_t offset, std::span<std::byte> into) override {
    if (!into.empty()) std::memcpy(into.data(), bytes_.data() + offset, into.size());
  }

  std::span<const std::byte> bytes_;
};

}  // namespace

void ByteSource::check_within(uint64_t offset, uint64_t bytes) const {
  if (holds(offset, bytes)) return;
  throw Error(ErrorCode::bad_file, fmt::format("{}: ends at byte {}, where {} bytes from byte {} on were expected",
                                               name_, size_, bytes, offset));
}

void ByteSource::read_at(uint64_t offset, std::span<std::byte> into) {
  check_within(offset, into.size());
  read_within(offset, into);
}

std::vector<std::byte> ByteSource::read_part(uint64_t offset, uint64_t bytes) {
  check_within(offset, bytes);
  std::vector<std::byte> part(static_cast<std::size_t>(bytes));
  read_within(offset, part);
  return part;
}

std::unique_ptr<ByteSource> open_file_source(const std::filesystem::path &path) {
  return std::make_unique<FileSource>(std::make_unique<InputFile>(path));
}

std::unique_ptr<ByteSource> open_memory_source(std::span<const std::byte> bytes, const std::string &name) {
  return std::make_unique<MemorySource>(bytes, name);
}

}  // namespace sluice
