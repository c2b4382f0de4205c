// SPDX-License-Identifier: Apache-2.0
// A file read piece by piece, so that tensors go straight into their own memory. Whole files: atomic_file.h.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace sluice {

// A regular file, opened to be read from the beginning to the end, or here and there. Errors name the file.
class InputFile {
 public:
  // Throws Error(not_found) when absent, Error(bad_file) when it cannot be opened or is not a regular file.
  explicit InputFile(const std::filesystem::path &path);
  ~InputFile();
  InputFile(const InputFile &) = delete;
  InputFile &operator=(const InputFile &) = delete;

  // The size the file system gave when the file was opened.
  uint64_t size() const { return size_; }
  const std::string &name() const { return name_; }

  // Reads up to `into.size()` bytes; 0 only at the end.
  std::size_t read_some(std::span<std::byte> into);
  // Fills `into` or throws Error(bad_file).
  void read_exactly(std::span<std::byte> into);
  // Fills `into` from `offset` on, wherever the file is read otherwise, or throws Error(bad_file).
  void read_at(uint64_t offset, std::span<std::byte> into);

 private:
  // The answer of a system call that reads, repeated where a signal came between.
  template <typename Read>
  std::size_t completed(Read &&read, std::size_t bytes) const;
  std::span<std::byte> rest_of(std::span<std::byte> into, std::size_t got) const;

  std::string name_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

}  // namespace sluice
