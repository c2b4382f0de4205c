// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <random>
#include <vector>

#include "weights_io/tensor.h"

namespace sluice::testing {

// Normal numbers, float32.
inline StoredTensor random_tensor(const std::vector<int64_t> &shape, uint32_t seed) {
  StoredTensor tensor = StoredTensor::of_f32(shape);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < tensor.elements(); i++) tensor.f32()[i] = normal(random);
  return tensor;
}

}  // namespace sluice::testing
