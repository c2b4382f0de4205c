// SPDX-License-Identifier: Apache-2.0
// A picture through a network that fills holes.
#include "runtime/tasks/inpaint.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/tasks/picture_tensor.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr const char *kImage = "image", *kMask = "mask", *kFilled = "filled";

// The input or output of that name.
template <typename Port>
const Port &find_port(const Graph &graph, const std::vector<Port> &ports, const char *kind, const char *name) {
  const auto port = std::find_if(ports.begin(), ports.end(), [&](const Port &p) { return p.name == name; });
  if (port != ports.end()) return *port;
  throw Error(ErrorCode::usage,
              fmt::format("model {} cannot fill pictures: it has no {} '{}'", graph.model, kind, name));
}

}  // namespace

Picture inpaint(const Model &model, const Picture &image, const std::vector<uint8_t> &mask, const RunOptions &options) {
  const Graph &graph = model.graph();
  const GraphInput &image_input = find_port(graph, graph.inputs, "input", kImage);
  find_port(graph, graph.inputs, "input", kMask);
  const GraphOutput &filled = find_port(graph, graph.outputs, "output", kFilled);

  TensorMap inputs;
  inputs[kMask] = mask_to_tensor(mask, image.width, image.height);
  const auto known = std::count(mask.begin(), mask.end(), uint8_t{0});
  if (known == static_cast<std::ptrdiff_t>(mask.size())) return image;
  if (known == 0) {
    throw Error(ErrorCode::input_failed, "the mask covers the whole picture: nothing is left to fill it from");
  }
  inputs[kImage] = picture_to_tensor(image, image_input.order);
  const TensorMap results = model.run(inputs, options);
  Picture result = image;
  paste_tensor(results.at(kFilled), filled, mask, result);
  return result;
}

}  // namespace sluice
