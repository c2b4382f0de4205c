// SPDX-License-Identifier: Apache-2.0
// Where training pictures come from: files of a folder or a list, or pictures that are computed.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "runtime/trainer/draws.h"

namespace sluice {

// RGB, 0..255, row by row.
struct Photo {
  int width = 0, height = 0;
  std::vector<uint8_t> samples;
};

// May be called from several threads.
class PictureFiles {
 public:
  // A folder, with all folders in it: .png, .jpg, .jpeg in the order of their names. Or a text file with one path a
  // line, relative to its folder. Error not_found, or input_failed where there is no picture.
  // `cache_bytes`: of decoded pictures that are kept. `report` is told, once each, of files that cannot be read.
  PictureFiles(const std::filesystem::path &source, int64_t cache_bytes,
               std::function<void(const std::string &)> report);

  size_t size() const { return files_.size(); }
  // The picture at `index`, or nothing where it cannot be read. Error input_failed when none of all can be.
  std::shared_ptr<const Photo> get(size_t index);

 private:
  std::shared_ptr<const Photo> load(size_t index);
  [[noreturn]] void refuse_all(const std::string &why) const;

  std::vector<std::filesystem::path> files_;
  std::function<void(const std::string &)> report_;
  std::mutex mutex_;
  std::map<size_t, std::shared_ptr<const Photo>> cache_;
  std::set<size_t> bad_;
  int64_t cache_left_;
  std::string source_;
};

// A picture with colour gradients, stripes and shapes that cover each other: something to learn from without any file.
Photo procedural_picture(int width, int height, Draws &draws);

}  // namespace sluice
