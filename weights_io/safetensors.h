// SPDX-License-Identifier: Apache-2.0
// The safetensors format, read strictly and written atomically. A file is taken as hostile until it is read.
#pragma once
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "weights_io/tensor.h"

namespace sluice {

// Reads a file. The tensors go straight into their own memory: the peak is the file's size plus its header. Throws
// Error(not_found) when the file is absent, Error(bad_file) naming file and reason when anything at all is wrong.
// Where the metadata holds `crc32.<tensor>`, the CRC-32 of that tensor's bytes (eight hexadecimal digits) is checked;
// where it holds `crc32.__metadata__`, that of all the header says.
Archive read_safetensors(const std::filesystem::path &path);

// The same from memory. `name_for_errors` stands where the file name would.
Archive parse_safetensors(std::span<const std::byte> file, const std::string &name_for_errors);

struct WriteOptions {
  bool checksums = false;  // adds metadata `crc32.<tensor>` for every tensor, and `crc32.__metadata__`
};

// The tensors are laid out sorted by name, so equal archives give equal bytes. Metadata beginning with `crc32.` belongs
// to the writer: what the archive holds of it is dropped, and written anew where the options ask for it.
// Throws Error(bad_file) for what the reader would refuse.
std::vector<std::byte> serialize_safetensors(const Archive &archive, const WriteOptions &options = {});

// Atomic: readers of `path` see the old file or the whole new one (weights_io/atomic_file.h).
// Throws Error(input_failed) when the file system refuses; what was there is then untouched.
void write_safetensors(const std::filesystem::path &path, const Archive &archive, const WriteOptions &options = {});

}  // namespace sluice
