// SPDX-License-Identifier: Apache-2.0
// The readers behind open_checkpoint, one for each container. Each takes the file as hostile.
#pragma once
#include <filesystem>
#include <memory>

#include "weights_io/byte_source.h"
#include "weights_io/checkpoint.h"

namespace sluice {

using SourcePointer = std::shared_ptr<ByteSource>;

// The most tensors that a file may name: it bounds the memory that tiny entries can claim.
inline constexpr std::size_t kMaxCheckpointTensors = 100'000;

std::unique_ptr<Checkpoint> open_safetensors_checkpoint(SourcePointer source);

// PyTorch 1.6 and later: a zip archive with stored entries (pytorch/pytorch: docs/source/notes/serialization.rst).
std::unique_ptr<Checkpoint> open_torch_zip(SourcePointer source);

// PyTorch before 1.6: consecutive pickles, then the storages.
std::unique_ptr<Checkpoint> open_torch_legacy(SourcePointer source);

// `index` is the table of a TensorFlow V2 bundle. The data files are looked for beside `index_path`, by the name the
// format gives them; an empty path means that there are none.
std::unique_ptr<Checkpoint> open_tensorflow_bundle(SourcePointer index, const std::filesystem::path &index_path);

}  // namespace sluice
