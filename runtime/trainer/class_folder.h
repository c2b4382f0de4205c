// SPDX-License-Identifier: Apache-2.0
// A folder whose entries are classes: files of strokes, or folders of pictures.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/trainer/item_store.h"
#include "runtime/trainer/pictures.h"
#include "runtime/trainer/strokes.h"

namespace sluice {

// May be called from several threads.
class ClassFolder {
 public:
  struct Item {
    int64_t label = 0;
    const Drawing *drawing = nullptr;  // one of the two
    std::shared_ptr<const Photo> picture;
  };
  // Classes are numbered in the order of their names, a file's without its ending (of NAME.bin and NAME.ndjson the
  // first is read). Error not_found, or input_failed where there is nothing, or more than `most` classes, or both
  // kinds.
  ClassFolder(const std::filesystem::path &folder, int64_t most, int64_t cache_bytes,
              std::function<void(const std::string &)> report);

  size_t size() const { return labels_.size(); }
  const std::vector<std::string> &classes() const { return classes_; }
  // Nothing where the file cannot be read. Error input_failed when none of all can be.
  std::unique_ptr<const Item> get(size_t index) const;

 private:
  void add_strokes(const std::filesystem::path &file);
  void add_pictures(const std::filesystem::path &folder);

  std::vector<std::string> classes_;
  std::vector<int64_t> labels_;  // by item
  std::vector<Drawing> drawings_;
  std::vector<std::filesystem::path> pictures_;
  std::unique_ptr<ItemStore<Photo>> store_;
};

}  // namespace sluice
