// SPDX-License-Identifier: Apache-2.0
// What a library that runs one graph must hold, and what its users must know: for tools/model_library.py.
#pragma once
#include <vector>

#include "apps/console.h"
#include "runtime/layer_node.h"

namespace sluice {

// What a run of the node calls: one forward kernel, whatever is fused in it; pack at loading, update where a run
// changes the state.
std::vector<const Kernel *> kernels_of(const LayerNode &layer);

// {"kernels": [{"symbol", "layer", "direction", "device", "variant", "nodes"}], "inputs": [...], "outputs": [...]}:
// every kernel once, with the nodes that call it; ports with their shapes as the graph states them (open extents by
// their symbols).
Json describe_library(const Graph &graph, const std::vector<LayerNode> &layers);

// The same nodes, by the kernels of these devices. Error not_found without a device's module or with a node that it has
// no kernel for.
std::vector<LayerNode> layers_on(const std::vector<std::string> &devices, const std::vector<LayerNode> &layers);

}  // namespace sluice
