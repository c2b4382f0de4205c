// SPDX-License-Identifier: Apache-2.0
// Between n c h w tensors of files and the kernels' n h w c memory; padding and cropping on the way.
#pragma once
#include "runtime/graph.h"
#include "runtime/kernel_call.h"
#include "weights_io/tensor.h"

namespace sluice {

// Writes `source` (n c h w; u8, f32 or i64; n may be 1 for a larger view) into `view` (c x y n), times scale plus
// offset. What the view has beyond the source's height and width becomes edge values or zeros.
void fill_input(const GraphInput &input, const StoredTensor &source, const BufferView &view);

// A constant input: its value over height x width, zeros beyond.
void fill_constant(float value, int64_t width, int64_t height, const BufferView &view);

// n c h w tensor of the view's first `width` x `height` positions.
StoredTensor read_output(const BufferView &view, int64_t width, int64_t height);

// Copies `from` into `to`, same extents c x y n.
void copy_view(const BufferView &from, const BufferView &to);

}  // namespace sluice
