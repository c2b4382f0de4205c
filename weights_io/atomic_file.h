// SPDX-License-Identifier: Apache-2.0
// Whole files: reading with a size limit, writing so that a reader sees the old file or the new one, never a part.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace sluice {

// Replaces `path`: temporary file in the same folder, fsync, rename, fsync of the folder. The permissions of a file
// that is replaced are kept, and a symbolic link is followed. Only regular files are replaced. Throws
// Error(input_failed); no temporary file is left behind then.
void write_file_atomically(const std::filesystem::path &path, std::span<const std::byte> bytes);

// The same piece by piece, for files that need not be in memory as a whole. What is written lies in the temporary file
// until commit(); without it `path` stays as it was. Throws as write_file_atomically does.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;

  // A part that was never written holds zeros.
  void write_at(uint64_t offset, std::span<const std::byte> bytes);
  // Puts the file in its place. Nothing may be written afterwards.
  void commit();

 private:
  void discard();

  std::filesystem::path path_, target_, temporary_;
  int descriptor_ = -1;
};

// Throws Error(not_found) when there is no such file, Error(bad_file) when it is not a regular file, cannot be read or
// has more than `max_bytes` (seen before any memory is taken). Never waits on a pipe.
std::vector<std::byte> read_file(const std::filesystem::path &path, size_t max_bytes);

}  // namespace sluice
