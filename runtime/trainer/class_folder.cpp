// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/class_folder.h"

#include <fmt/format.h>

#include <map>

#include "weights_io/error.h"

namespace sluice {

namespace fs = std::filesystem;

ClassFolder::ClassFolder(const fs::path &folder, int64_t most, int64_t cache_bytes,
                         std::function<void(const std::string &)> report) {
  std::error_code problem;
  const std::string name = folder.string();
  if (!fs::is_directory(folder, problem))
    throw Error(ErrorCode::not_found, fmt::format("{}: no such folder of classes", name));
  std::map<std::string, fs::path> found;  // class -> entry; .bin comes before .ndjson
  for (const auto &entry : fs::directory_iterator(folder)) {
    const bool pictures = entry.is_directory(), strokes = !pictures && is_stroke_file(entry.path());
    if (!pictures && !strokes) continue;
    fs::path &path = found[pictures ? entry.path().filename().string() : entry.path().stem().string()];
    if (path.empty() || entry.path() < path) path = entry.path();
  }
  if (found.empty())
    throw Error(ErrorCode::input_failed, fmt::format("{}: no folder and no .bin or .ndjson in it: no class", name));
  if (static_cast<int64_t>(found.size()) > most) {
    throw Error(ErrorCode::input_failed,
                fmt::format("{}: {} classes, the recipe's networks have {}", name, found.size(), most));
  }
  for (const auto &[label, path] : found) {
    fs::is_directory(path) ? add_pictures(path) : add_strokes(path);
    classes_.push_back(label);
  }
  if (!drawings_.empty() && !pictures_.empty())
    throw Error(ErrorCode::input_failed, fmt::format("{}: both files of strokes and folders of pictures", name));
  if (labels_.empty()) throw Error(ErrorCode::input_failed, fmt::format("{}: its classes are empty", name));
  const auto load = [this](size_t index) { return load_photo(pictures_[index]); };
  if (!pictures_.empty())
    store_ =
        std::make_unique<ItemStore<Photo>>(name, "pictures", pictures_.size(), cache_bytes, load, std::move(report));
}

void ClassFolder::add_strokes(const fs::path &file) {
  for (Drawing &drawing : read_drawings(file)) {
    drawings_.push_back(std::move(drawing));
    labels_.push_back(static_cast<int64_t>(classes_.size()));
  }
}

void ClassFolder::add_pictures(const fs::path &folder) {
  for (fs::path &file : pictures_of_folder(folder)) {
    pictures_.push_back(std::move(file));
    labels_.push_back(static_cast<int64_t>(classes_.size()));
  }
}

std::unique_ptr<const ClassFolder::Item> ClassFolder::get(size_t index) const {
  Item item;
  item.label = labels_[index];
  if (store_ == nullptr) {
    item.drawing = &drawings_[index];
  } else {
    item.picture = store_->get(index);
    if (item.picture == nullptr) return nullptr;
  }
  return std::make_unique<const Item>(std::move(item));
}

}  // namespace sluice
