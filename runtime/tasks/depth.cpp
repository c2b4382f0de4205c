// SPDX-License-Identifier: Apache-2.0
#include "runtime/tasks/depth.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/tasks/task_ports.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr const char *kImage = "image", *kLidar = "lidar", *kDepth = "depth", *kPurpose = "complete depth";

// Left becomes right in every row.
void mirror(StoredTensor &tensor) {
  const int64_t width = tensor.shape.back();
  float *const end = tensor.f32() + tensor.elements();
  for (float *row = tensor.f32(); row != end; row += width) std::reverse(row, row + width);
}

void average(StoredTensor &tensor, const StoredTensor &other) {
  if (tensor.shape != other.shape) {
    throw Error(ErrorCode::input_failed, fmt::format("the mirrored depth has the shape {}, expected {}",
                                                     shape_text(other.shape), shape_text(tensor.shape)));
  }
  float *values = tensor.f32();
  std::transform(values, values + tensor.elements(), other.f32(), values, [](float a, float b) { return (a + b) / 2; });
}

}  // namespace

Picture complete_depth(const Model &model, const Picture &picture, const Picture &sparse, bool average_mirrored,
                       const RunOptions &options) {
  const Graph &graph = model.graph();
  const GraphInput &image_input = find_input(graph, kImage, kPurpose);
  const GraphInput &lidar_input = find_input(graph, kLidar, kPurpose);
  find_output(graph, kDepth, kPurpose);
  if (picture.width != sparse.width || picture.height != sparse.height) {
    throw Error(ErrorCode::input_failed, fmt::format("the sparse depth is {} x {}, the picture {} x {}", sparse.width,
                                                     sparse.height, picture.width, picture.height));
  }
  TensorMap inputs;
  inputs[kImage] = normalized_picture(picture, image_input.order);
  inputs[kLidar] = depth_to_tensor(sparse);
  to_given_units(image_input, inputs[kImage]);
  to_given_units(lidar_input, inputs[kLidar]);
  StoredTensor depth = std::move(model.run(inputs, options).at(kDepth));
  if (average_mirrored) {
    for (auto &entry : inputs) mirror(entry.second);
    StoredTensor mirrored = std::move(model.run(inputs, options).at(kDepth));
    mirror(mirrored);
    average(depth, mirrored);
  }
  const std::vector<int64_t> expected{1, 1, picture.height, picture.width};
  if (depth.shape != expected) {
    throw Error(ErrorCode::input_failed,
                fmt::format("output '{}': expected {}, got {}", kDepth, shape_text(expected), shape_text(depth.shape)));
  }
  return tensor_to_depth(depth, kDepth);
}

}  // namespace sluice
