// SPDX-License-Identifier: Apache-2.0
// Archives written as PyTorch's zip files (1.6 and later), so that weights can leave for where they came from.
#pragma once
#include <filesystem>

#include "weights_io/tensor.h"

namespace sluice {

// What torch.load(path, weights_only=True) gives back as a collections.OrderedDict of name and tensor, sorted by name:
// equal archives give equal bytes. Every tensor has a storage of its own, 64-byte aligned in the file. Metadata, if
// there is any, lies as JSON in the entry `archive/sluice_metadata.json`, which torch does not read; keys beginning
// with `crc32.` are left out, for a zip has its own checksums. Written atomically, a tensor at a time
// (weights_io/atomic_file.h); files beyond 4 GB are ZIP64. Throws Error(bad_file) for names and shapes that our readers
// would refuse and for more than 65,000 tensors, Error(input_failed) when the file system refuses; what was there is
// then untouched. Format: pytorch/pytorch: docs/source/notes/serialization.rst.
void write_torch_zip(const std::filesystem::path &path, const Archive &archive);

}  // namespace sluice
