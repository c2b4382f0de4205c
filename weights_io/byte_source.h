// SPDX-License-Identifier: Apache-2.0
// Bytes at any offset, of a file or of memory: what the readers of checkpoints read from.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource &) = delete;
  ByteSource &operator=(const ByteSource &) = delete;

  // What messages call it: a path, mostly.
  const std::string &name() const { return name_; }
  uint64_t size() const { return size_; }
  // Fills `into` from `offset` on. Throws Error(bad_file) where that leaves the source, or it became shorter.
  void read_at(uint64_t offset, std::span<std::byte> into);
  // A copy of a part, whose size is checked against the source before memory is taken.
  std::vector<std::byte> read_part(uint64_t offset, uint64_t bytes);
  // Whether offset + bytes lies within the source.
  bool holds(uint64_t offset, uint64_t bytes) const { return offset <= size_ && bytes <= size_ - offset; }

 protected:
  ByteSource(std::string name, uint64_t size) : name_(std::move(name)), size_(size) {}

 private:
  void check_within(uint64_t offset, uint64_t bytes) const;
  // Called for ranges within the source only.
  virtual void read_within(uint64_t offset, std::span<std::byte> into) = 0;

  std::string name_;
  uint64_t size_ = 0;
};

// Throws as InputFile does (weights_io/input_file.h).
std::unique_ptr<ByteSource> open_file_source(const std::filesystem::path &path);

// `bytes` must outlive it.
std::unique_ptr<ByteSource> open_memory_source(std::span<const std::byte> bytes, const std::string &name);

}  // namespace sluice
