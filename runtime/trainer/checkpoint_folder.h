// SPDX-License-Identifier: Apache-2.0
// Checkpoints of a training in one folder: written whole or not at all, at least two generations kept, verified when
// read.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "weights_io/safetensors.h"

namespace sluice {

class CheckpointFolder {
 public:
  // Makes the folder and locks it for this process: Error input_failed where another one trains into it. Temporary
  // files that a killed process left are removed. `keep`: generations, 2 or more.
  CheckpointFolder(std::filesystem::path folder, int64_t keep);
  ~CheckpointFolder();
  CheckpointFolder(const CheckpointFolder &) = delete;
  CheckpointFolder &operator=(const CheckpointFolder &) = delete;

  // <folder>/step-<number>.safetensors with checksums, through a temporary file that is synced and renamed; then
  // removes what is older than `keep` generations. Error input_failed when the file system refuses: what was there
  // before is there still.
  std::filesystem::path save(int64_t step, const Archive &archive);

  struct Found {
    std::filesystem::path file;
    Archive archive;
  };
  // The newest checkpoint that can be read and has every checksum right; empty file: there is none. `report` is told of
  // those that are damaged.
  Found newest(const std::function<void(const std::string &)> &report) const;
  // Verified. Error not_found, bad_file.
  static Archive read(const std::filesystem::path &file);

  // By step, the newest first.
  std::vector<std::filesystem::path> files() const;

 private:
  std::filesystem::path folder_;
  int64_t keep_;
  int lock_ = -1;
};

}  // namespace sluice
