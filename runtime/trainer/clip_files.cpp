// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/clip_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "weights_io/error.h"

namespace sluice {

namespace fs = std::filesystem;

std::vector<ClipFolder> find_clips(const fs::path &data, bool classes) {
  std::error_code ignored;
  if (!fs::is_directory(data, ignored))
    throw Error(ErrorCode::not_found, fmt::format("{}: no such folder", data.string()));
  std::map<fs::path, std::vector<fs::path>> folders;
  for (const fs::path &file : pictures_of_folder(data)) folders[file.parent_path()].push_back(file);
  std::map<std::string, int> labels;
  if (classes) {
    for (const auto &[folder, frames] : folders) labels[folder.lexically_relative(data).begin()->string()] = 0;
    int next = 0;
    for (auto &[name, label] : labels) label = next++;
  }
  std::vector<ClipFolder> clips;
  for (auto &[folder, frames] : folders) {
    const int label = classes ? labels.at(folder.lexically_relative(data).begin()->string()) : 0;
    clips.push_back({std::move(frames), label});
  }
  if (clips.empty())
    throw Error(ErrorCode::input_failed, fmt::format("{}: no folder with .png, .jpg or .jpeg in it", data.string()));
  return clips;
}

ClipFiles::ClipFiles(const PhotoOptions &options, int frames, bool classes, const DataOrigin &origin)
    : options_(options),
      frames_(frames),
      seed_(origin.seed),
      clips_(find_clips(origin.path, classes)),
      order_(origin.seed, clips_.size()) {
  const auto load = [this](size_t index) -> ItemStore<Cut>::Loaded {
    const ClipFolder &clip = clips_[index];
    Cut cut;
    cut.label = clip.label;
    if (clip.frames.size() < static_cast<size_t>(frames_)) {
      throw Error(ErrorCode::input_failed,
                  fmt::format("{}: {} frames, fewer than {}", clip.frames.front().parent_path().string(),
                              clip.frames.size(), frames_));
    }
    int64_t bytes = 0;
    for (const fs::path &file : clip.frames) {
      cut.frames.push_back(read_photo(file));
      const Photo &first = cut.frames.front(), &last = cut.frames.back();
      if (last.width != first.width || last.height != first.height)
        throw Error(ErrorCode::input_failed, fmt::format("{}: another size than the frames before", file.string()));
      bytes += static_cast<int64_t>(last.samples.size());
    }
    return {std::move(cut), bytes};
  };
  store_ = std::make_unique<ItemStore<Cut>>(origin.path.string(), "clips", clips_.size(), options_.cache_bytes, load,
                                            origin.report);
}

int ClipFiles::read(const std::string &purpose, uint64_t sample, bool colour, float *values) const {
  const std::shared_ptr<const Cut> clip =
      order_.find(purpose, sample, [this](size_t index) { return store_->get(index); });
  Draws draws(seed_, purpose + " window", sample);
  const Photo &first = clip->frames.front();
  const Window window = draw_window(options_.window, first.width, first.height, draws);
  const bool flip = options_.flip && draws.uniform() < 0.5;
  const auto last = static_cast<int64_t>(clip->frames.size()) - frames_;
  const int64_t start = draws.integer(0, last), plane = int64_t{options_.window.width} * options_.window.height;
  for (int t = 0; t < frames_; t++) {
    const Photo &frame = clip->frames[static_cast<size_t>(start + t)];
    if (!colour) {
      cut_grey_window(frame, window, options_.window, flip, values + t * plane);
      continue;
    }
    for (int c = 0; c < 3; c++)
      cut_window(frame, window, options_.window, c, flip, values + (int64_t{c} * frames_ + t) * plane);
  }
  return clip->label;
}

}  // namespace sluice
