// SPDX-License-Identifier: Apache-2.0
// The layers of bench/layer_shapes.txt and files like it.
#pragma once
#include <string>
#include <vector>

#include "bench/network.h"
#include "runtime/graph_file.h"

namespace sluice::bench {

struct LayerRow {
  std::string name, op, attributes;
  std::vector<std::vector<int64_t>> inputs;  // n c h w, or whatever rank the port has
};

// Error not_found, bad_file.
std::vector<LayerRow> read_rows(const std::string &file);

// A network of one node, with random weights and inputs.
struct LayerNetwork {
  Graph graph;
  TensorMap weights, inputs;
};
LayerNetwork make_layer(const LayerRow &row, const ParseOptions &options = {});

}  // namespace sluice::bench
