// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/sample_grid.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/tasks/picture_tensor.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr int kGap = 2, kHoleGrey = 128, kBorder = 255;

const GraphOutput &output_of(const Graph &graph, const std::string &name) {
  for (const GraphOutput &output : graph.outputs) {
    if (output.name == name) return output;
  }
  throw Error(ErrorCode::usage, fmt::format("model {} has no output '{}' to show", graph.model, name));
}

void paste(const Picture &part, int x0, int y0, Picture &whole) {
  for (int y = 0; y < part.height; y++) {
    for (int x = 0; x < part.width; x++) {
      for (int c = 0; c < 3; c++) {
        whole.samples[whole.index(x0 + x, y0 + y, c)] = part.samples[part.index(x, y, part.channels == 3 ? c : 0)];
      }
    }
  }
}

Picture with_hole(Picture picture, const StoredTensor &mask) {
  for (int y = 0; y < picture.height; y++) {
    for (int x = 0; x < picture.width; x++) {
      if (mask.f32()[static_cast<int64_t>(y) * picture.width + x] < 0.5f) continue;
      for (int c = 0; c < 3; c++) picture.samples[picture.index(x, y, c)] = kHoleGrey;
    }
  }
  return picture;
}

}  // namespace

std::string image_order_of(const Graph &graph) {
  for (const GraphInput &input : graph.inputs) {
    if (input.name == "image") return input.order;
  }
  throw Error(ErrorCode::usage, fmt::format("model {} has no input 'image' to show samples of", graph.model));
}

Picture sample_grid(const Model &model, const std::string &output, const std::vector<TensorMap> &samples) {
  const GraphOutput &shown = output_of(model.graph(), output);
  GraphOutput given;  // how the batches' own pictures are read
  given.name = "image", given.order = image_order_of(model.graph());
  Picture grid;
  for (size_t row = 0; row < samples.size(); row++) {
    const Picture truth = tensor_to_picture(samples[row].at("image"), given);
    const Picture made = tensor_to_picture(model.run(samples[row]).at(output), shown);
    if (made.width != truth.width || made.height != truth.height)
      throw Error(ErrorCode::input_failed,
                  fmt::format("model {}: output '{}' is not as large as its picture", model.graph().model, output));
    if (row == 0) {
      grid = {3 * truth.width + 2 * kGap, static_cast<int>(samples.size()) * (truth.height + kGap) - kGap, 3, 8, {}};
      grid.samples.assign(static_cast<size_t>(grid.width) * static_cast<size_t>(grid.height) * 3, kBorder);
    }
    const int y = static_cast<int>(row) * (truth.height + kGap), step = truth.width + kGap;
    paste(with_hole(truth, samples[row].at("mask")), 0, y, grid);
    paste(made, step, y, grid);
    paste(truth, 2 * step, y, grid);
  }
  return grid;
}

}  // namespace sluice
