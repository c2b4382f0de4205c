// SPDX-License-Identifier: Apache-2.0
// Ports of a sketch network, and pictures, noise and class as its tensors.
#include "runtime/tasks/sketch_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "runtime/tasks/task_ports.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr const char *kPurpose = "draw from sketches";
constexpr float kHalfWhite = 127.5f;

[[noreturn]] void refuse_input(const Graph &graph, const GraphInput &input, const std::string &what) {
  throw Error(ErrorCode::usage,
              fmt::format("model {} cannot {}: input '{}' {}", graph.model, kPurpose, input.name, what));
}

int side_of(const Graph &graph, const GraphInput &input, size_t axis, int default_side) {
  const Dimension &dimension = input.shape.at(axis);
  if (!dimension.symbol.empty()) return default_side;
  if (dimension.extent < 1 || dimension.extent > std::numeric_limits<int>::max()) {
    refuse_input(graph, input, fmt::format("has a side of {} pixels", dimension.extent));
  }
  return static_cast<int>(dimension.extent);
}

// The shape of a tensor for so many samples. Error(usage) when an extent behind n is left open.
std::vector<int64_t> shape_for(const Graph &graph, const GraphInput &input, int64_t samples) {
  std::vector<int64_t> shape{samples};
  for (size_t axis = 1; axis < input.shape.size(); axis++) {
    if (!input.shape[axis].symbol.empty()) {
      refuse_input(graph, input, fmt::format("leaves its extent '{}' open", input.shape[axis].symbol));
    }
    shape.push_back(input.shape[axis].extent);
  }
  return shape;
}

std::optional<GraphInput> optional_input(const Graph &graph, const std::string &name) {
  for (const GraphInput &input : graph.inputs) {
    if (input.name == name) return input;
  }
  return std::nullopt;
}

}  // namespace

SketchNetwork::SketchNetwork(std::shared_ptr<const Model> model, int default_side) : model_(std::move(model)) {
  const Graph &graph = model_->graph();
  sketch_ = find_input(graph, "sketch", kPurpose);
  noise_ = optional_input(graph, "z");
  label_ = optional_input(graph, "label");
  output_ = find_output(graph, "image", kPurpose);
  if (sketch_.shape.size() != 4) refuse_input(graph, sketch_, "is not of the shape [n c h w]");
  if (!sketch_.shape[1].symbol.empty()) refuse_input(graph, sketch_, "leaves its channels open");
  height_ = side_of(graph, sketch_, 2, default_side);
  width_ = side_of(graph, sketch_, 3, default_side);
  if (noise_) noise_size_ = element_count(shape_for(graph, *noise_, 1));
  if (label_ && element_count(shape_for(graph, *label_, 1)) != 1) {
    refuse_input(graph, *label_, "holds more than one value a sample");
  }
  if (output_.scale == 1 && output_.offset == 0) output_.scale = output_.offset = kHalfWhite;
}

StoredTensor SketchNetwork::sketch_tensor(const Plane &grey, int64_t samples) const {
  StoredTensor tensor = StoredTensor::of_f32({samples, sketch_.shape[1].extent, height_, width_});
  const auto pixels = static_cast<std::ptrdiff_t>(grey.values.size());
  if (grey.width != width_ || grey.height != height_ || pixels != int64_t{height_} * width_) {
    throw Error(ErrorCode::input_failed, fmt::format("model {}: expected a sketch of {} x {} pixels, got {} x {}",
                                                     graph().model, width_, height_, grey.width, grey.height));
  }
  float *const end = tensor.f32() + tensor.elements();
  for (float *plane = tensor.f32(); plane != end; plane += pixels) {
    std::transform(grey.values.begin(), grey.values.end(), plane, [](float value) { return value / kHalfWhite - 1; });
  }
  to_given_units(sketch_, tensor);
  return tensor;
}

StoredTensor SketchNetwork::label_tensor(int64_t label, int64_t samples) const {
  StoredTensor tensor;
  tensor.dtype = DType::i64;
  tensor.shape = shape_for(graph(), *label_, samples);
  const std::vector<int64_t> values(static_cast<size_t>(samples), label);
  tensor.bytes.resize(values.size() * sizeof(int64_t));
  std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

StoredTensor SketchNetwork::noise_tensor(const std::vector<float> &noise, int64_t samples) const {
  if (static_cast<int64_t>(noise.size()) != samples * noise_size_) {
    throw Error(ErrorCode::usage, fmt::format("model {}: {} values of noise, expected {} for each of {} samples",
                                              graph().model, noise.size(), noise_size_, samples));
  }
  StoredTensor tensor = StoredTensor::of_f32(shape_for(graph(), *noise_, samples), noise.data());
  to_given_units(*noise_, tensor);
  return tensor;
}

StoredTensor SketchNetwork::run(const Plane &grey, int64_t label, int64_t samples, const std::vector<float> &noise,
                                const RunOptions &options) const {
  TensorMap inputs;
  inputs[sketch_.name] = sketch_tensor(grey, samples);
  if (label_) inputs[label_->name] = label_tensor(label, samples);
  if (noise_) inputs[noise_->name] = noise_tensor(noise, samples);
  return std::move(model_->run(inputs, options).at(output_.name));
}

}  // namespace sluice
