// SPDX-License-Identifier: Apache-2.0
// Whole files: reading with a size limit, writing so that a reader sees the old file or the new one, never a part.
#pragma once
#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

namespace sluice {

// Replaces `path`: temporary file in the same folder, fsync, rename, fsync of the folder. The permissions of a file
// that is replaced are kept, and a symbolic link is followed. Only regular files are replaced. Throws
// Error(input_failed); no temporary file is left behind then.
void write_file_atomically(const std::filesystem::path &path, std::span<const std::byte> bytes);

// Throws Error(not_found) when there is no such file, Error(bad_file) when it is not a regular file, cannot be read or
// has more than `max_bytes` (seen before any memory is taken). Never waits on a pipe.
std::vector<std::byte> read_file(const std::filesystem::path &path, size_t max_bytes);

}  // namespace sluice
