// SPDX-License-Identifier: Apache-2.0
// Where training pictures come from: files of a folder or a list, or pictures that are computed.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/trainer/draws.h"
#include "runtime/trainer/item_store.h"

namespace sluice {

// RGB, 0..255, row by row.
struct Photo {
  int width = 0, height = 0;
  std::vector<uint8_t> samples;
};

constexpr float kLuma[] = {0.299f, 0.587f, 0.114f};  // parts of R, G and B (ITU-R BT.601)

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
  std::shared_ptr<const Photo> get(size_t index) { return store_->get(index); }

 private:
  std::vector<std::filesystem::path> files_;
  std::unique_ptr<ItemStore<Photo>> store_;
};

// The pictures of a folder, with all folders in it, in the order of their names. Error input_failed.
std::vector<std::filesystem::path> pictures_of_folder(const std::filesystem::path &folder);
// The lines of a text file that are not empty, without blanks at their ends; those are paths relative to its folder.
std::vector<std::string> lines_of_file(const std::filesystem::path &file);
std::vector<std::filesystem::path> paths_of_list(const std::filesystem::path &list);
// A picture file as a photo: grey becomes RGB, 16 bits become 8. Errors of read_picture.
Photo read_photo(const std::filesystem::path &file);
ItemStore<Photo>::Loaded load_photo(const std::filesystem::path &file);

// A picture with colour gradients, stripes and shapes that cover each other: something to learn from without any file.
Photo procedural_picture(int width, int height, Draws &draws);

}  // namespace sluice
