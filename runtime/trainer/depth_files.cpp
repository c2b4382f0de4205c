// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "runtime/trainer/depth_data.h"
#include "runtime/trainer/pictures.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

bool is_folder(const fs::path &path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// Of <truths>/<drive>/proj_depth/groundtruth/<camera>/<frame>.png.
DepthFiles kitti_files(const fs::path &data, const fs::path &truth, const fs::path &truths) {
  const fs::path inside = truth.lexically_relative(truths);
  const std::vector<fs::path> parts(inside.begin(), inside.end());
  constexpr size_t kParts = 5;
  if (parts.size() != kParts) {
    throw Error(ErrorCode::input_failed,
                fmt::format("{}: expected <drive>/proj_depth/groundtruth/image_0N/<frame>.png below {}", truth.string(),
                            truths.string()));
  }
  const std::string drive = parts[0].string();
  DepthFiles files;
  files.depth = truth;
  files.lidar = data / "data_depth_velodyne" / "train" / drive / "proj_depth" / "velodyne_raw" / parts[3] / parts[4];
  files.image = data / "raw" / drive.substr(0, drive.find("_drive")) / drive / parts[3] / "data" / parts[4];
  std::error_code ignored;
  if (!fs::exists(files.image, ignored)) {
    fs::path other = files.image;
    other.replace_extension(".jpg");
    if (fs::exists(other, ignored)) files.image = other;
  }
  return files;
}

fs::path one_of(const fs::path &data, std::initializer_list<const char *> names) {
  for (const char *name : names) {
    if (is_folder(data / name)) return data / name;
  }
  return {};
}

std::vector<DepthFiles> folders_of(const fs::path &data) {
  const fs::path image = one_of(data, {"image", "image_rgb"}), lidar = one_of(data, {"velodyne_raw", "lidar"}),
                 depth = one_of(data, {"groundtruth_depth", "depth"});
  if (image.empty() || lidar.empty() || depth.empty()) {
    throw Error(ErrorCode::input_failed,
                fmt::format("{}: expected a KITTI tree (data_depth_annotated, data_depth_velodyne, raw) or the folders "
                            "image, velodyne_raw (lidar) and groundtruth_depth (depth)",
                            data.string()));
  }
  const std::vector<fs::path> images = pictures_of_folder(image), lidars = pictures_of_folder(lidar),
                              depths = pictures_of_folder(depth);
  if (images.size() != depths.size() || lidars.size() != depths.size()) {
    throw Error(ErrorCode::input_failed, fmt::format("{}: {} pictures, {} lidar and {} depth maps: expected as many of "
                                                     "each",
                                                     data.string(), images.size(), lidars.size(), depths.size()));
  }
  std::vector<DepthFiles> files;
  for (size_t i = 0; i < depths.size(); i++) files.push_back({images[i], lidars[i], depths[i]});
  return files;
}

std::vector<DepthFiles> list_of(const fs::path &list) {
  std::vector<DepthFiles> files;
  for (const std::string &line : lines_of_file(list)) {
    std::istringstream words(line);
    std::string image, lidar, depth, more;
    if (!(words >> image >> lidar >> depth) || words >> more) {
      throw Error(
          ErrorCode::input_failed,
          fmt::format("{}: expected three paths a line, picture, lidar and depth, got '{}'", list.string(), line));
    }
    const fs::path folder = list.parent_path();  // an absolute path stays as it is
    files.push_back({folder / image, folder / lidar, folder / depth});
  }
  return files;
}

}  // namespace

std::vector<DepthFiles> find_depth_files(const fs::path &data) {
  std::error_code ignored;
  if (!fs::exists(data, ignored))
    throw Error(ErrorCode::not_found, fmt::format("{}: no such folder or list", data.string()));
  std::vector<DepthFiles> files;
  const fs::path truths = data / "data_depth_annotated" / "train";
  if (!is_folder(data)) {
    files = list_of(data);
  } else if (is_folder(truths)) {
    for (const fs::path &truth : pictures_of_folder(truths)) files.push_back(kitti_files(data, truth, truths));
  } else {
    files = folders_of(data);
  }
  if (files.empty()) throw Error(ErrorCode::input_failed, fmt::format("{}: no depth map in it", data.string()));
  return files;
}

}  // namespace sluice
