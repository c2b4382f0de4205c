// SPDX-License-Identifier: Apache-2.0
// Between n c h w tensors of files and the kernels' n h w c memory; padding and cropping on the way. Tensors of any
// rank: n c s1 .. sk lies as n s1 .. sk c.
#pragma once
#include "runtime/graph.h"
#include "runtime/port_view.h"
#include "weights_io/tensor.h"

namespace sluice {

// Writes `source` (n c h w; u8, f32 or i64; n may be 1 for a larger view) into `view`, times scale plus
// offset. What the view has beyond the source's height and width becomes edge values or zeros.
void fill_input(const GraphInput &input, const StoredTensor &source, const BufferView &view);

// A constant input: its value over height x width, zeros beyond.
void fill_constant(float value, int64_t width, int64_t height, const BufferView &view);

// The view as a tensor of a file.
StoredTensor read_output(const BufferView &view);
// n c h w tensor of the first `width` x `height` positions of a view of four dimensions.
StoredTensor read_output(const BufferView &view, int64_t width, int64_t height);

// Shape in a file of a tensor with these extents.
std::vector<int64_t> file_shape(const Extents &extents);

// Copies `from` into `to`, same extents.
void copy_view(const BufferView &from, const BufferView &to);

}  // namespace sluice
