// SPDX-License-Identifier: Apache-2.0
// What the gates of a network let through: of gated layers for one picture, and of gated residual blocks for every
// class. These are the visualisations of Yu et al., Free-Form Image Inpainting with Gated Convolution (arXiv
// 1806.03589, figure 3) and of Ghosh et al., Interactive Sketch & Fill (arXiv 1909.11081).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/image/picture.h"
#include "runtime/image/resample.h"
#include "runtime/model.h"

namespace sluice {

// The gate of one layer. A tensor of other dimensions than n c h w is drawn with all but its last axis as rows.
struct GateMap {
  std::string node, op;
  std::vector<int64_t> shape;  // of the gate, n c h w
  Plane mean;                  // over channels, 0..1, of the first sample; without what only padding made
  double openness = 0;         // mean of that plane
};

// Gates of all layers of the model that say how their gate alone is computed, by a composite op <op>_gate with the
// layer's inputs and attributes, in the order of the graph. `inputs` as Model::run takes them; of `options`, progress
// and cancel count. The model runs once, and the gates are computed from the tensors that their layers read.
// Error(usage) when no layer of the graph has a gate.
std::vector<GateMap> gate_maps(const Model &model, const TensorMap &inputs, const RunOptions &options = {},
                               const KernelTable &table = KernelTable::linked());

// Inputs `image` and `mask` of a model that fills pictures. Error(usage) when it has no such inputs,
// Error(input_failed) when the sizes differ. mask: not 0 = hole, width * height values.
TensorMap hole_inputs(const Graph &graph, const Picture &image, const std::vector<uint8_t> &mask);

// One gate of a residual block: `port` is alpha, which scales the branch, or beta, which shifts it.
struct ClassGate {
  std::string node, port;
  std::vector<std::vector<float>> values;  // by class, then by channel

  size_t channels() const { return values.at(0).size(); }
  double mean(size_t row) const;
};

struct ClassGates {
  int64_t first_class = 0, classes = 0;
  std::vector<ClassGate> gates;
};

// The gates of every layer with an input port alpha that follow from the graph's input `label`, for all classes of its
// range. Only the part of the network is run that makes them. An input `z` is 0. Error(usage) when the graph has no
// label with a range, when no such gate depends on it, or when one depends on an input that is not known (a picture).
ClassGates class_gates(const Model &model, const RunOptions &options = {},
                       const KernelTable &table = KernelTable::linked());

}  // namespace sluice
