// SPDX-License-Identifier: Apache-2.0
// What every checkpoint does, and the one whose tensors are in memory already.
#include "weights_io/checkpoint.h"

#include <fmt/format.h>

#include "weights_io/error.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

class ArchiveCheckpoint final : public Checkpoint {
 public:
  ArchiveCheckpoint(Archive archive, const std::string &source_name)
      : Checkpoint(CheckpointFormat::safetensors, source_name), stored_(std::move(archive.tensors)) {
    metadata_ = std::move(archive.metadata);
    for (const auto &[name, tensor] : stored_) tensors_[name] = {tensor.dtype, tensor.shape};
  }

 private:
  StoredTensor read_tensor(const std::string &name) override { return stored_.at(name); }

  TensorMap stored_;
};

}  // namespace

const char *name(CheckpointFormat format) {
  switch (format) {
    case CheckpointFormat::safetensors:
      return "safetensors";
    case CheckpointFormat::torch_zip:
      return "torch zip";
    case CheckpointFormat::torch_legacy:
      return "torch legacy stream";
    case CheckpointFormat::tensorflow:
      return "TensorFlow V2 bundle";
  }
  return "";
}

StoredTensor Checkpoint::read(const std::string &name) {
  if (tensors_.count(name) == 0) {
    throw Error(ErrorCode::not_found, fmt::format("{}: holds no tensor {}", source_name_, in_quotes(name)));
  }
  return read_tensor(name);
}

std::unique_ptr<Checkpoint> checkpoint_of(Archive archive, const std::string &source_name) {
  return std::make_unique<ArchiveCheckpoint>(std::move(archive), source_name);
}

Archive read_all(Checkpoint &checkpoint) {
  Archive archive;
  archive.metadata = checkpoint.metadata();
  for (const auto &[name, tensor] : checkpoint.tensors()) archive.tensors[name] = checkpoint.read(name);
  return archive;
}

}  // namespace sluice
