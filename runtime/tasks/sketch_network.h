// SPDX-License-Identifier: Apache-2.0
// A network that draws from a sketch, noise and a class: what both networks of sketch completion are.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/image/resample.h"
#include "runtime/model.h"

namespace sluice {

// Inputs `sketch` [n c h w], -1..1, and, where the network has them, `z` [n k ...] and `label` [n] or [n 1 ...]; output
// `image`, of the units and the order that its line in the graph states, -1..1 when it states none. Immutable; any
// number of threads may call it.
class SketchNetwork {
 public:
  // default_side: pixels a side, where the graph leaves height or width open. Error(usage) when the graph has other
  // ports or leaves open how long z is.
  SketchNetwork(std::shared_ptr<const Model> model, int default_side);

  const Graph &graph() const { return model_->graph(); }
  int width() const { return width_; }                // of the sketch, pixels
  int height() const { return height_; }              // of the sketch, pixels
  int64_t noise_size() const { return noise_size_; }  // values of z a sample; 0 without z
  bool has_classes() const { return label_.has_value(); }
  // Names, units and order of the output; its scale and offset lead to 0..255.
  const GraphOutput &output() const { return output_; }

  // grey: width() x height() values, 0..255, given to all channels of `sketch`. noise: noise_size() values for one
  // sample after another. Returns the output, [samples, c, h, w].
  StoredTensor run(const Plane &grey, int64_t label, int64_t samples, const std::vector<float> &noise,
                   const RunOptions &options) const;

 private:
  StoredTensor sketch_tensor(const Plane &grey, int64_t samples) const;
  StoredTensor label_tensor(int64_t label, int64_t samples) const;
  StoredTensor noise_tensor(const std::vector<float> &noise, int64_t samples) const;

  std::shared_ptr<const Model> model_;
  GraphInput sketch_;
  std::optional<GraphInput> noise_, label_;
  GraphOutput output_;
  int width_ = 0, height_ = 0;
  int64_t noise_size_ = 0;
};

}  // namespace sluice
