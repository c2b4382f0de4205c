// SPDX-License-Identifier: Apache-2.0
// Between a caller's strided tensors and dense ones.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/c_api/sluice.h"
#include "weights_io/tensor.h"

namespace sluice::c_api {

// Rank and extents of a tensor as a shape. Error(usage) naming the tensor for a rank or an extent that cannot be.
std::vector<int64_t> shape_of(const sluice_tensor &tensor);
// Its name. Error(usage) when it has none.
std::string name_of(const sluice_tensor &tensor);

// A copy of an input. Error(usage) without memory or for an unknown element.
StoredTensor read_tensor(const sluice_tensor &tensor);
// That write_tensor() may write it. Error(usage) without memory, and for another element than float32.
void check_output(const sluice_tensor &tensor);
// Copies float32 values of the same shape to the caller's memory.
void write_tensor(const StoredTensor &values, const sluice_tensor &tensor);

}  // namespace sluice::c_api
