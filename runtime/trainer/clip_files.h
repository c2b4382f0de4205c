// SPDX-License-Identifier: Apache-2.0
// Clips as folders of frames, and windows of them.
#pragma once
#include "runtime/trainer/photo_source.h"

namespace sluice {

// The frames of a clip, in the order of their names.
struct ClipFolder {
  std::vector<std::filesystem::path> frames;
  int label = 0;  // of its class: the folders at the top in the order of their names
};

// Every folder at or below `data` that holds a picture is a clip. With `classes`, a clip's class is the folder at the
// top that it lies in. Error not_found, input_failed.
std::vector<ClipFolder> find_clips(const std::filesystem::path &data, bool classes);

// May be called from several threads.
class ClipFiles {
 public:
  // `frames`: of a sample; clips that have fewer are left out.
  ClipFiles(const PhotoOptions &options, int frames, bool classes, const DataOrigin &origin);

  size_t size() const { return clips_.size(); }
  // Frames in a row from a random one on, all cut alike: [c, frames, h, w] with c = 3 (RGB) or 1 (luma), 0..255.
  // Returns the label.
  int read(const std::string &purpose, uint64_t sample, bool colour, float *values) const;

 private:
  struct Cut {
    std::vector<Photo> frames;
    int label = 0;
  };

  PhotoOptions options_;
  int frames_;
  uint64_t seed_;
  std::vector<ClipFolder> clips_;
  std::unique_ptr<ItemStore<Cut>> store_;
  EpochOrder order_;
};

}  // namespace sluice
