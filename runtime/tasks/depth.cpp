// SPDX-License-Identifier: Apache-2.0
// Metres, samples of 16 bits and normalised colours.
#include "runtime/tasks/depth.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/tasks/picture_tensor.h"
#include "runtime/tasks/task_ports.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr const char *kImage = "image", *kLidar = "lidar", *kDepth = "depth", *kPurpose = "complete depth";
constexpr float kSamplesPerMetre = 256, kMostSamples = 65535;
constexpr size_t kColours = 3;
constexpr std::array<float, kColours> kMean = {90.995f, 96.2278f, 94.3213f};        // red, green, blue
constexpr std::array<float, kColours> kDeviation = {79.2382f, 80.5267f, 82.1483f};  // red, green, blue

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

StoredTensor normalized_picture(const Picture &picture, const std::string &order) {
  StoredTensor tensor = picture_to_tensor(picture, order);
  const std::ptrdiff_t pixels = std::ptrdiff_t{picture.width} * picture.height;
  for (size_t channel = 0; channel < kColours; channel++) {
    const size_t colour = order == "bgr" ? kColours - 1 - channel : channel;
    float *plane = tensor.f32() + static_cast<std::ptrdiff_t>(channel) * pixels;
    std::transform(plane, plane + pixels, plane,
                   [&](float sample) { return (sample - kMean[colour]) / kDeviation[colour]; });
  }
  return tensor;
}

StoredTensor depth_to_tensor(const Picture &depth) {
  if (depth.channels != 1 || depth.bits != 16) {
    throw Error(ErrorCode::input_failed, fmt::format("depth: expected a grey picture of 16 bits, got {} channels of {}",
                                                     depth.channels, depth.bits));
  }
  StoredTensor tensor = StoredTensor::of_f32({1, 1, depth.height, depth.width});
  std::transform(depth.samples.begin(), depth.samples.end(), tensor.f32(),
                 [](uint16_t sample) { return static_cast<float>(sample) / kSamplesPerMetre; });
  return tensor;
}

Picture tensor_to_depth(const StoredTensor &metres, const std::string &name) {
  const std::vector<int64_t> &shape = metres.shape;
  if (shape.size() != 4 || shape[0] != 1 || shape[1] != 1) {
    throw Error(ErrorCode::input_failed,
                fmt::format("output '{}': expected [1, 1, h, w], got {}", name, shape_text(shape)));
  }
  Picture picture{.width = static_cast<int>(shape[3]),
                  .height = static_cast<int>(shape[2]),
                  .channels = 1,
                  .bits = 16,
                  .samples = {}};
  picture.samples.resize(static_cast<size_t>(metres.elements()));
  const float *values = metres.f32();
  for (size_t p = 0; p < picture.samples.size(); p++) {
    if (!std::isfinite(values[p])) {
      throw Error(ErrorCode::input_failed, fmt::format("output '{}' holds values that are not finite numbers", name));
    }
    picture.samples[p] = static_cast<uint16_t>(std::clamp(values[p] * kSamplesPerMetre, 0.0f, kMostSamples));
  }
  return picture;
}

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
