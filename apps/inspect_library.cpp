// SPDX-License-Identifier: Apache-2.0
#include "apps/inspect_library.h"

#include <map>

#include "runtime/device.h"

namespace sluice {
namespace {

Json stated_shape(const std::vector<Dimension> &shape) {
  Json extents = Json::array();
  for (const Dimension &dimension : shape) {
    if (dimension.symbol.empty()) {
      extents.push_back(dimension.extent);
    } else {
      extents.push_back(dimension.symbol);
    }
  }
  return extents;
}

Json describe_input(const GraphInput &input) {
  Json port = {{"name", input.name},   {"shape", stated_shape(input.shape)},
               {"scale", input.scale}, {"offset", input.offset},
               {"order", input.order}, {"optional", input.value.has_value()}};
  if (input.range) port["labels"] = {input.range->first, input.range->second};
  return port;
}

}  // namespace

std::vector<const Kernel *> kernels_of(const LayerNode &layer) {
  std::vector<const Kernel *> kernels{&layer.kernel("forward")};
  if (!layer.schema().parameters.empty()) kernels.push_back(&layer.kernel("pack"));
  if (layer.updates_state() != StateUpdate::none) kernels.push_back(&layer.kernel("update"));
  return kernels;
}

std::vector<LayerNode> layers_on(const std::vector<std::string> &devices, const std::vector<LayerNode> &layers) {
  std::vector<LayerNode> others;
  for (const std::string &name : devices) {
    const Device &device = Device::open(name);
    for (const LayerNode &layer : layers) others.push_back(layer.on_device(device.table(), device.kind()));
  }
  return others;
}

Json describe_library(const Graph &graph, const std::vector<LayerNode> &layers) {
  std::map<std::string, Json> kernels;
  for (const LayerNode &layer : layers) {
    for (const Kernel *kernel : kernels_of(layer)) {
      Json &one = kernels[kernel->symbol];
      if (one.is_null()) {
        one = {{"symbol", kernel->symbol}, {"layer", kernel->layer},     {"direction", kernel->direction},
               {"device", kernel->device}, {"variant", kernel->variant}, {"nodes", Json::array()}};
      }
      one["nodes"].push_back(layer.node().name);
    }
  }
  Json library = {{"kernels", Json::array()}, {"inputs", Json::array()}, {"outputs", Json::array()}};
  for (const auto &entry : kernels) library["kernels"].push_back(entry.second);
  for (const GraphInput &input : graph.inputs) library["inputs"].push_back(describe_input(input));
  for (const GraphOutput &output : graph.outputs) {
    library["outputs"].push_back({{"name", output.name},
                                  {"shape", stated_shape(output.shape)},
                                  {"scale", output.scale},
                                  {"offset", output.offset},
                                  {"order", output.order}});
  }
  return library;
}

}  // namespace sluice
