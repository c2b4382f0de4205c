// SPDX-License-Identifier: Apache-2.0
// The tensors of a file that torch.save wrote, whichever container their storages lie in.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "weights_io/checkpoint.h"
#include "weights_io/checkpoint_formats.h"
#include "weights_io/torch/torch_objects.h"

namespace sluice {

// Where a storage lies in the file.
struct StoragePlace {
  uint64_t begin = 0, bytes = 0;
  uint32_t crc = 0;  // of these bytes; 0 where the container gives none
};

// `places` are those of objects.storages, each as large as the storage or larger, and within the file.
std::unique_ptr<Checkpoint> make_torch_checkpoint(CheckpointFormat format, SourcePointer source, TorchObjects objects,
                                                  std::vector<StoragePlace> places);

}  // namespace sluice
