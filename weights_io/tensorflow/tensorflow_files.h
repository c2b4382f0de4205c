// SPDX-License-Identifier: Apache-2.0
// The files of a TensorFlow checkpoint: <prefix>.index, <prefix>.data-00000-of-00001 and so on, and those that hold no
// tensors: <prefix>.meta, the graph, and `checkpoint`, a text that names prefixes.
#pragma once
#include <cstdint>
#include <filesystem>

namespace sluice::tensorflow {

// Data file `shard` of `shards` beside the index. Throws Error(bad_file) where the index is not called <prefix>.index.
std::filesystem::path data_file(const std::filesystem::path &index, int32_t shard, int32_t shards);

// The file to open for what a person named: the index for a data file and for the prefix, else `path` itself. Throws
// Error(not_found) for a data file without its index, and Error(bad_file), saying which file to name, for the two that
// hold no tensors: what a file names is not followed.
std::filesystem::path file_to_open(const std::filesystem::path &path);

}  // namespace sluice::tensorflow
