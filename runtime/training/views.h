// SPDX-License-Identifier: Apache-2.0
// Sums and checks over tensors that may be slices of others.
#pragma once
#include "runtime/kernel_call.h"

namespace sluice {

// target += source, of the same extents.
void add_view(const BufferView &source, const BufferView &target);
bool all_finite(const BufferView &view);

}  // namespace sluice
