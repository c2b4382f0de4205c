// SPDX-License-Identifier: Apache-2.0
// Depth completion: `image` [3 h w], normalised as the depth task does it (runtime/tasks/depth_pictures.h), `lidar` [1
// h w] and `depth` [1 h w], metres, 0 where there is none, and `valid` [1 h w], 1 where there is a depth.
#pragma once
#include <filesystem>
#include <vector>

#include "runtime/trainer/data_kind.h"

namespace sluice {

std::shared_ptr<const DataKind> read_depth_data(const DataSize &size, RecipeValues &values);

// Files of one sample.
struct DepthFiles {
  std::filesystem::path image, lidar, depth;
};

// `data` is one of
//   a KITTI tree   <data>/data_depth_annotated/train/<drive>/proj_depth/groundtruth/image_0N/<frame>.png, the same with
//                  data_depth_velodyne and velodyne_raw, and raw/<date>/<drive>/image_0N/data/<frame>.png or .jpg: as
//                  the benchmark's archives unpack, the pictures below raw
//   three folders  image or image_rgb, velodyne_raw or lidar, groundtruth_depth or depth: files in the order of their
//                  names, as many in each (KITTI's val_selection_cropped)
//   a text file    a line a sample: the three paths, relative to the file, blanks between them
// Error not_found, input_failed.
std::vector<DepthFiles> find_depth_files(const std::filesystem::path &data);

// A computed scene: a road, a far wall and bodies of one colour each before it, seen by a camera.
struct DepthScene {
  std::vector<float> rgb;           // three planes, 0..255
  std::vector<float> depth, lidar;  // metres; lidar: about one pixel in twenty, along lines as a scanner's
};
DepthScene compute_depth_scene(int width, int height, Draws &draws);

}  // namespace sluice
