// SPDX-License-Identifier: Apache-2.0
#include "runtime/port_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "weights_io/error.h"

namespace sluice {
namespace {

bool is_picture(const SchemaPort &port) { return port.axes.size() == 4 && port.axes[0].name == "c"; }

// [n c 1 1] as [n c]: spatial axes of one element left out until the rank fits.
BufferView without_ones(BufferView view, size_t rank) {
  while (view.extents.size() > rank && view.extents.size() > 2 && view.extents[1] == 1) {
    view.extents.erase(view.extents.begin() + 1);
    view.strides.erase(view.strides.begin() + 1);
  }
  return view;
}

}  // namespace

BufferView as_picture(const BufferView &tensor) {
  BufferView view = tensor;
  const Extents &e = tensor.extents, &s = tensor.strides;
  if (e.size() == 1) {
    view.extents = {1, 1, 1, e[0]};
    view.strides = {1, 1, 1, s[0]};
  } else if (e.size() == 2) {
    view.extents = {e[0], 1, 1, e[1]};
    view.strides = {s[0], s[1], s[1], s[1]};
  } else if (e.size() == 3) {
    view.extents = {e[0], e[1], 1, e[2]};
    view.strides = {s[0], s[1], s[2], s[2]};
  } else {
    int64_t rows = 1;
    for (size_t d = 2; d + 1 < e.size(); d++) rows *= e[d];
    view.extents = {e[0], e[1], rows, e.back()};
    view.strides = {s[0], s[1], s[2], s.back()};
  }
  return view;
}

BufferView port_view(const BufferView &tensor, const SchemaPort &port, const LayerSchema &layer,
                     const std::string &where) {
  const size_t rank = tensor.extents.size();
  if (rank == port.axes.size()) return tensor;
  if (is_picture(port) && rank == 2 && port.batch_as_row) {
    BufferView row = tensor;
    row.extents = {tensor.extents[0], tensor.extents[1], 1, 1};
    row.strides = {tensor.strides[0], tensor.strides[1], tensor.strides[1], tensor.strides[1]};
    return row;
  }
  const bool takes = rank == 2 || rank == 3 || (rank != 4 && layer.any_rank);
  if (is_picture(port) && takes) return as_picture(tensor);
  BufferView fewer = without_ones(tensor, port.axes.size());
  if (fewer.extents.size() == port.axes.size()) return fewer;
  throw Error(ErrorCode::input_failed,
              fmt::format("{}: port '{}' takes a tensor of {} dimensions, got {} (innermost first: {})", where,
                          port.name, port.axes.size(), rank, fmt::join(tensor.extents, " ")));
}

Extents tensor_extents(const Extents &made, const SchemaPort &port, const LayerSchema &layer,
                       const std::vector<Extents> &inputs, const std::string &where) {
  if (!is_picture(port)) return made;
  const Extents *like = nullptr;  // the input whose rank the output takes: the largest among pictures
  for (size_t i = 0; i < inputs.size() && i < layer.inputs.size(); i++) {
    if (is_picture(layer.inputs[i]) && (like == nullptr || inputs[i].size() > like->size())) like = &inputs[i];
  }
  if (like == nullptr || like->size() == 4) return made;
  if (like->size() == 1 && made[0] == 1 && made[1] == 1 && made[2] == 1) return {made[3]};
  if (like->size() == 2 && made[2] == 1) {
    if (port.batch_as_row && made[3] == 1) return {made[0], made[1]};
    if (!port.batch_as_row && made[1] == 1) return {made[0], made[3]};
  }
  if (like->size() == 3 && made[2] == 1) return {made[0], made[1], made[3]};
  if (like->size() > 4) {
    Extents whole = *like;
    whole[0] = made[0];
    const int64_t rows = as_picture(BufferView(nullptr, whole)).extents[2];
    if (whole[1] == made[1] && rows == made[2] && whole.back() == made[3]) return whole;
  }
  throw Error(ErrorCode::input_failed,
              fmt::format("{}: output '{}' would be {} (c w h n), which is no tensor of {} dimensions", where,
                          port.name, fmt::join(made, " "), like->size()));
}

}  // namespace sluice
