// SPDX-License-Identifier: Apache-2.0
// A picture through a network that fills holes.
#include "runtime/tasks/inpaint.h"

#include <algorithm>

#include "runtime/tasks/picture_tensor.h"
#include "runtime/tasks/task_ports.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr const char *kImage = "image", *kMask = "mask", *kFilled = "filled", *kPurpose = "fill pictures";

}  // namespace

Picture inpaint(const Model &model, const Picture &image, const std::vector<uint8_t> &mask, const RunOptions &options,
                PixelArithmetic arithmetic) {
  const Graph &graph = model.graph();
  const GraphInput &image_input = find_input(graph, kImage, kPurpose);
  find_input(graph, kMask, kPurpose);
  const GraphOutput &filled = find_output(graph, kFilled, kPurpose);

  TensorMap inputs;
  inputs[kMask] = mask_to_tensor(mask, image.width, image.height);
  const auto known = std::count(mask.begin(), mask.end(), uint8_t{0});
  Picture result = image;
  if (arithmetic == PixelArithmetic::published) round_known_samples(filled, mask, result);
  if (known == static_cast<std::ptrdiff_t>(mask.size())) return result;
  if (known == 0) {
    throw Error(ErrorCode::input_failed, "the mask covers the whole picture: nothing is left to fill it from");
  }
  inputs[kImage] = picture_to_tensor(image, image_input.order);
  RunOptions only = options;
  only.outputs = {kFilled};
  const TensorMap results = model.run(inputs, only);
  paste_tensor(results.at(kFilled), filled, mask, result, arithmetic);
  return result;
}

}  // namespace sluice
