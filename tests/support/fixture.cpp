// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace sluice::testing {

std::filesystem::path source_folder() {
  const char *elsewhere = std::getenv("SLUICE_SOURCE");
  return elsewhere == nullptr ? SLUICE_SOURCE_DIR : elsewhere;
}

std::filesystem::path fixture_path(const std::string &name) { return source_folder() / "tests" / "fixtures" / name; }

TensorMap with_prefix(const TensorMap &tensors, const std::string &prefix) {
  TensorMap found;
  for (const auto &[name, tensor] : tensors) {
    if (name.starts_with(prefix)) found[name.substr(prefix.size())] = tensor;
  }
  return found;
}

double largest_magnitude(const StoredTensor &tensor) {
  double largest = 0;
  for (size_t i = 0; i < static_cast<size_t>(tensor.elements()); i++) {
    largest = std::max(largest, std::fabs(static_cast<double>(tensor.f32()[i])));
  }
  return largest;
}

double relative_error(const StoredTensor &value, const StoredTensor &reference, double floor) {
  EXPECT_EQ(shape_text(value.shape), shape_text(reference.shape));
  if (value.shape != reference.shape) return 1e30;
  double worst = 0;
  for (size_t i = 0; i < static_cast<size_t>(value.elements()); i++) {
    const double difference = std::fabs(static_cast<double>(value.f32()[i]) - static_cast<double>(reference.f32()[i]));
    if (!std::isfinite(difference)) return 1e30;
    worst = std::max(worst, difference);
  }
  return worst / std::max(floor, largest_magnitude(reference));
}

}  // namespace sluice::testing
