// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/gradient_penalty.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "runtime/tensor_layout.h"

namespace sluice {

void PenaltyGradients::want(const std::vector<GradientPenalty> &penalties, PassOptions &options) {
  for (const GradientPenalty &penalty : penalties) {
    options.seeded.push_back(penalty.tangent);
    options.tensor_gradients.push_back({penalty.of, penalty.at});
  }
}

// A penalty is due when the node of its direction has run, before the next.
PenaltyGradients::PenaltyGradients(std::vector<GradientPenalty> penalties, TrainingPass &pass)
    : penalties_(std::move(penalties)), pass_(pass) {
  for (size_t i = 0; i < penalties_.size(); i++) due_[pass_.plan().step(penalties_[i].direction) + 1] = i;
}

void PenaltyGradients::before_step(int step) {
  if (const auto found = due_.find(step); found != due_.end()) turn(found->second);
}

TensorMap PenaltyGradients::seeds() const {
  TensorMap seeds;
  for (const GradientPenalty &penalty : penalties_) {
    StoredTensor &seed = seeds[penalty.tangent] =
        StoredTensor::of_f32(file_shape(pass_.value(penalty.tangent).extents));
    std::fill_n(seed.f32(), seed.elements(), static_cast<float>(penalty.weight));
  }
  return seeds;
}

void PenaltyGradients::turn(size_t index) {
  const GradientPenalty &penalty = penalties_[index];
  StoredTensor gradient = read_output(pass_.tensor_gradient(index));
  const int64_t samples = gradient.shape[0], size = gradient.elements() / samples;
  double value = 0;
  for (int64_t n = 0; n < samples; n++) {
    const std::span<float> own(gradient.f32() + n * size, static_cast<size_t>(size));
    double square = 0;
    for (const float g : own) square += static_cast<double>(g) * g;
    const double norm = std::sqrt(square), away = norm - penalty.centre;
    value += away * away / static_cast<double>(samples);
    const double share = penalty.centre == 0 ? 1 : norm > 0 ? 1 - penalty.centre / norm : 0;
    for (float &g : own) g = static_cast<float>(2 * share * g / static_cast<double>(samples));
  }
  fill_input(GraphInput{}, gradient, pass_.changing_value(penalty.direction));
  values_[penalty.name] = value;
}

}  // namespace sluice
