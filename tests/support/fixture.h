// SPDX-License-Identifier: Apache-2.0
// Fixtures: inputs, weights, outputs and gradients computed by an independent reference in double, stored as float32.
#pragma once
#include <filesystem>
#include <string>

#include "weights_io/safetensors.h"

namespace sluice::testing {

// The source tree, for tests/fixtures and models: SLUICE_SOURCE, where the program was taken to another machine.
std::filesystem::path source_folder();

// A file below tests/fixtures.
std::filesystem::path fixture_path(const std::string &name);

// Tensors whose name begins with `prefix`, without it.
TensorMap with_prefix(const TensorMap &tensors, const std::string &prefix);

// Largest |difference| over largest |reference|, at least `floor`. Fails the running test if shapes differ or a value
// is not finite.
double relative_error(const StoredTensor &value, const StoredTensor &reference, double floor = 1e-30);

double largest_magnitude(const StoredTensor &tensor);

}  // namespace sluice::testing
