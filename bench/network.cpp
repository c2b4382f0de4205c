// SPDX-License-Identifier: Apache-2.0
// The prepared run.
#include "bench/network.h"

namespace sluice::bench {
int64_t Network::moved_bytes() const {
  int64_t bytes = model_.packed_bytes();
  for (const PlannedStep &step : plan_.steps()) {
    if (step.layer == nullptr) continue;
    for (const auto &list : {step.inputs, step.outputs}) {
      for (const int tensor : list) bytes += plan_.tensors()[static_cast<size_t>(tensor)].bytes();
    }
  }
  return bytes;
}

Network::Network(const Graph &graph, const TensorMap &weights, const TensorMap &inputs, const LoadOptions &options)
    : model_(graph, weights, options), plan_(model_.plan_for(inputs, {})), inputs_(inputs) {
  arena_ = allocate_arena(plan_.arena_bytes(), graph.model);
  model_.fill_inputs(plan_, inputs, arena_.get());
}

}  // namespace sluice::bench
