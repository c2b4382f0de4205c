// SPDX-License-Identifier: Apache-2.0
// A checkpoint in any container that is read: which tensors it holds, and their bytes when they are asked for. Whatever
// stands in a file is data; nothing of it is executed, and sizes are believed only when the file has the bytes.
#pragma once
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weights_io/byte_source.h"
#include "weights_io/tensor.h"

namespace sluice {

enum class CheckpointFormat { safetensors, torch_zip, torch_legacy, tensorflow };

// "safetensors", "torch zip", "torch legacy stream", "TensorFlow V2 bundle".
const char *name(CheckpointFormat format);

struct CheckpointTensor {
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
};

// Names are paths in the file: the keys of nested dictionaries joined by dots, elements of lists by their number.
class Checkpoint {
 public:
  virtual ~Checkpoint() = default;
  Checkpoint(const Checkpoint &) = delete;
  Checkpoint &operator=(const Checkpoint &) = delete;

  CheckpointFormat format() const { return format_; }
  // What messages call it.
  const std::string &source_name() const { return source_name_; }
  const std::map<std::string, CheckpointTensor> &tensors() const { return tensors_; }
  const std::map<std::string, std::string> &metadata() const { return metadata_; }
  // What else the file holds, by its name: "a number", "a string", "a tensor of type complex64, which is not read".
  const std::map<std::string, std::string> &others() const { return others_; }
  // The files it lies in, the first being the one that was named.
  const std::vector<std::filesystem::path> &files() const { return files_; }

  // The tensor, dense and row-major. Throws Error(bad_file) where its bytes are damaged or not there.
  StoredTensor read(const std::string &name);

 protected:
  Checkpoint(CheckpointFormat format, std::string source_name)
      : format_(format), source_name_(std::move(source_name)) {}

  std::map<std::string, CheckpointTensor> tensors_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, std::string> others_;
  std::vector<std::filesystem::path> files_;

 private:
  friend std::unique_ptr<Checkpoint> open_checkpoint(const std::filesystem::path &path);
  // Called for names in tensors() only; gives a tensor of the type and shape that stand there.
  virtual StoredTensor read_tensor(const std::string &name) = 0;

  CheckpointFormat format_;
  std::string source_name_;
};

// Finds out the format from the first bytes. A TensorFlow bundle is named by its .index file, by one of its data files
// or by their common prefix. Throws Error(not_found) when there is no such file, Error(bad_file) naming file and reason
// when it is none of the formats or anything in it is wrong.
std::unique_ptr<Checkpoint> open_checkpoint(const std::filesystem::path &path);

// The same of one file that lies in memory. `bytes` must outlive the checkpoint. An index alone holds no tensor that
// could be read.
std::unique_ptr<Checkpoint> open_checkpoint(std::span<const std::byte> bytes, const std::string &name_for_errors);

// Whether the file begins as a checkpoint does, or `path` names a TensorFlow bundle. A file of text does not.
bool looks_like_checkpoint(const std::filesystem::path &path);

// Tensors that are in memory already.
std::unique_ptr<Checkpoint> checkpoint_of(Archive archive, const std::string &source_name);

// Everything at once.
Archive read_all(Checkpoint &checkpoint);

}  // namespace sluice
