// SPDX-License-Identifier: Apache-2.0
// Vectors of spectral norm for files that do not hold them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "weights_io/tensor.h"

namespace sluice {

// Why no v belongs to a weight and a u of these shapes; empty when one does. Row o of the weight is output channel o.
std::string solve_refusal(const std::vector<int64_t> &weight_shape, const std::vector<int64_t> &u_shape);

std::vector<int64_t> shape_of_v(const std::vector<int64_t> &weight_shape);

// v = W^T u / max(|W^T u|, 1e-12), as a power step makes it: the norm is then |W^T u|. With `divided`, which is W
// divided by its norm, v is the multiple of that for which u . (W v) is this norm. Float32 tensors. Throws
// Error(bad_file) where there is none.
StoredTensor solved_v(const StoredTensor &weight, const StoredTensor &u, const StoredTensor *divided);

}  // namespace sluice
