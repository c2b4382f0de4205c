// SPDX-License-Identifier: Apache-2.0
// Weights, gradients and what is between two steps of a training: one optimiser for all of a network's weights, the
// norm of gradients, averages of weights.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "weights_io/tensor.h"

namespace sluice {

struct OptimizerOptions {
  std::string rule = "adam";                      // a layer that makes new_parameter from parameter and gradient
  std::map<std::string, std::string> attributes;  // of that layer, as in a graph line: beta1, momentum, ...
  bool decay_vectors = true;  // false: weight_decay is 0 for weights of fewer than two dimensions, such as biases
};

// Updates weights in place by the layer's kernel (docs/layers.md has rules and attributes). State tensors have their
// weight's shape and are named "<weight>.<state port>". The result is the same for any number of threads.
class Optimizer {
 public:
  // Zero state for each of the weights, which are float32. Error usage for a rule or attribute that does not exist,
  // and for values that it can't have.
  Optimizer(const OptimizerOptions &options, const TensorMap &weights);
  Optimizer(Optimizer &&) noexcept;
  Optimizer &operator=(Optimizer &&) noexcept;
  ~Optimizer();

  // Weights without a gradient, and their state, stay as they are; gradients of other tensors (a network's inputs) are
  // passed over. Error usage, before anything has changed, for a rate that is not a number from 0, for a weight that
  // the constructor did not see, and for a gradient of another shape.
  void step(TensorMap &weights, const TensorMap &gradients, double learning_rate);

  const TensorMap &state() const { return state_; }
  int64_t steps() const { return steps_; }  // taken so far
  // Goes on where another optimiser of the same options and weights was. Error bad_file: missing, unexpected and
  // misshapen names, listed together.
  void restore(TensorMap state, int64_t steps);

 private:
  class Rule;
  const Rule &rule_of(const StoredTensor &weight) const;

  std::unique_ptr<const Rule> rule_, vector_rule_;  // vector_rule_: nothing where rule_ serves all
  TensorMap state_;
  int64_t steps_ = 0;
};

// The 2-norm over all gradients, summed in double in the order of names and elements. Above max_norm (more than 0, else
// Error usage) they are scaled in place by max_norm / norm; gradients that are not finite are left as they are. Returns
// the norm before.
double clip_gradients(TensorMap &gradients, double max_norm);

// average = decay * average + (1 - decay) * weights, for each tensor of weights, which are float32; whole numbers are
// copied. Error usage for a decay outside 0 to 1 and where average has no tensor of that name and shape.
void update_average(TensorMap &average, const TensorMap &weights, double decay);

// The first float32 tensor with a value that is not finite, or "". (The layer's name is the text before the last dot.)
std::string first_non_finite(const TensorMap &tensors);

}  // namespace sluice
