// SPDX-License-Identifier: Apache-2.0
// A tensor of a graph as a kernel's port sees it. A tensor [n c s1 .. sk] lies in memory with c innermost, then sk ..
// s1, then n; its extents are listed in that order. A kernel for pictures (c, x, y, n) also serves
//   [n c l]        as a picture of one row, x = l;
//   [n c]          as n pictures of one pixel, or, for ports that say so, as one row of n pixels;
//   [n c t h w]    layers of any rank only: y = t*h;
//   [n]            layers of any rank only: n pictures of one number.
#pragma once
#include "runtime/kernel_call.h"
#include "runtime/kernel_table.h"

namespace sluice {

using Extents = std::vector<int64_t>;  // innermost first

// Every tensor as (c, x, y, n): x the last spatial axis, y all others.
BufferView as_picture(const BufferView &tensor);

// Error input_failed, with `where`, when the port can't take a tensor of this rank.
BufferView port_view(const BufferView &tensor, const SchemaPort &port, const LayerSchema &layer,
                     const std::string &where);

// Extents of the tensor an output port makes: `made` is what the port has, `inputs` are the tensors the layer reads.
Extents tensor_extents(const Extents &made, const SchemaPort &port, const LayerSchema &layer,
                       const std::vector<Extents> &inputs, const std::string &where);

}  // namespace sluice
