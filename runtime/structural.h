// SPDX-License-Identifier: Apache-2.0
// Ops that move no numbers or only copy them; they have no kernel:
//   concat   joins tensors along their channels; parts that live nowhere else are views of the whole
//   slice    some channels of a tensor, a view (first=, channels=)
//   reshape  the same numbers in n c ... order under another shape: shape=, -1 for what is left, 0 for the input's
//            extent at the same place, counted from the front as long as there are only zeros, else from the back,
//            c for the channels of a second tensor (from x,like)
//   all_gather what every process of a training has, one after the other along the first axis; of one process a copy
#pragma once
#include <string>

#include "runtime/graph.h"
#include "runtime/port_view.h"
#include "runtime/process_group.h"

namespace sluice {

bool is_structural(const std::string &op);

// What a slice takes from a tensor of `extents`. Error input_failed where it has not so many channels.
struct ChannelRange {
  int64_t first = 0, count = 0;
};
ChannelRange slice_range(const Node &node, const Extents &extents, const std::string &model);

// Extents of a reshaped tensor.
// `like`: of the second input, where there is one.
Extents reshaped_extents(const Node &node, const Extents &extents, const Extents &like, const std::string &model);

// The tensors of all processes, along the last extent of `all`. And its adjoint: mine += the sum, in the order of the
// processes, of what each of them has at this process's place in `all`.
void gather_view(ProcessGroup &group, const BufferView &mine, const BufferView &all);
void add_gathered(ProcessGroup &group, const BufferView &all, const BufferView &mine);

// Copies between views with the same numbers in n c ... order.
void copy_reshaped(const BufferView &from, const BufferView &to);
// to += from, in that order.
void add_reshaped(const BufferView &from, const BufferView &to);

}  // namespace sluice
