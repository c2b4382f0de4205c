// SPDX-License-Identifier: Apache-2.0
// Reordering, cutting and joining of tensors as the rules of a names file say.
#include "weights_io/names/names_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "weights_io/error.h"

namespace sluice {
namespace {

// One part of ours within the published tensor: element (i, j, ...) lies at first + i * step[0] + j * step[1] + ...
struct Window {
  std::vector<int64_t> shape, step;
  int64_t first = 0;
};

Window window_of(const NameRule &rule, const std::vector<int64_t> &source_shape, std::size_t part) {
  Window window;
  window.shape = shape_of_part(rule, source_shape);
  for (const std::size_t axis : rule.permutation) {
    int64_t step = 1;
    for (std::size_t inner = axis + 1; inner < source_shape.size(); ++inner) step *= source_shape[inner];
    window.step.push_back(step);
  }
  window.first = static_cast<int64_t>(part) * window.shape[rule.split_axis] * window.step[rule.split_axis];
  return window;
}

// Calls `copy` with the place in the published tensor and the place in ours of every element, in the order of ours.
template <typename Copy>
void for_each_element(const Window &window, int64_t elements, const Copy &copy) {
  const std::size_t rank = window.shape.size();
  std::vector<int64_t> index(rank, 0);
  int64_t at = window.first;
  for (int64_t n = 0; n < elements; ++n) {
    copy(at, n);
    for (std::size_t k = rank; k-- > 0;) {
      at += window.step[k];
      if (++index[k] < window.shape[k]) break;
      at -= window.step[k] * window.shape[k];
      index[k] = 0;
    }
  }
}

bool changes_nothing(const NameRule &rule) {
  return rule.targets.size() == 1 && rule.permutation.size() == rule.axes &&
         std::is_sorted(rule.permutation.begin(), rule.permutation.end());
}

}  // namespace

std::size_t rank_of_parts(const NameRule &rule) { return rule.permutation.size(); }

std::string layout_refusal(const NameRule &rule, const CheckpointTensor &source) {
  if (!is_floating(source.dtype)) return fmt::format("type {}, expected real numbers", name(source.dtype));
  if (rule.axes == 0) return {};
  if (source.shape.size() != rule.axes) {
    return fmt::format("shape {}, expected {} axes", shape_text(source.shape), rule.axes);
  }
  for (std::size_t axis = 0; axis < rule.axes; ++axis) {
    const bool is_kept = std::find(rule.permutation.begin(), rule.permutation.end(), axis) != rule.permutation.end();
    if (is_kept || source.shape[axis] == 1) continue;
    return fmt::format("shape {}, expected 1 along axis {}", shape_text(source.shape), axis);
  }
  const std::size_t axis = rule.permutation[rule.split_axis];
  if (source.shape[axis] % static_cast<int64_t>(rule.targets.size()) != 0) {
    return fmt::format("shape {}, expected an axis {} that can be cut into {} equal parts", shape_text(source.shape),
                       axis, rule.targets.size());
  }
  return {};
}

std::vector<int64_t> shape_of_part(const NameRule &rule, const std::vector<int64_t> &source_shape) {
  if (rule.axes == 0) return source_shape;
  std::vector<int64_t> shape;
  for (const std::size_t axis : rule.permutation) shape.push_back(source_shape[axis]);
  shape[rule.split_axis] /= static_cast<int64_t>(rule.targets.size());
  return shape;
}

std::vector<StoredTensor> cut_into_parts(const NameRule &rule, StoredTensor source) {
  if (source.dtype != DType::f32) source = to_f32(source);
  std::vector<StoredTensor> parts;
  if (changes_nothing(rule)) {
    parts.push_back(std::move(source));
    return parts;
  }
  const float *const from = source.f32();
  for (std::size_t part = 0; part < rule.targets.size(); ++part) {
    StoredTensor &made = parts.emplace_back(StoredTensor::of_f32(shape_of_part(rule, source.shape)));
    const int64_t elements = made.elements();
    if (elements == 0) continue;  // the other extents may be anything
    float *const to = made.f32();
    for_each_element(window_of(rule, source.shape, part), elements, [&](int64_t there, int64_t here) {
      std::memcpy(to + here, from + there, sizeof(float));  // the bits, also of a NaN
    });
  }
  return parts;
}

StoredTensor joined_parts(const NameRule &rule, const std::vector<const StoredTensor *> &parts) {
  if (changes_nothing(rule)) return *parts[0];
  std::vector<int64_t> shape(rule.axes, 1);
  for (std::size_t k = 0; k < rule.permutation.size(); ++k) shape[rule.permutation[k]] = parts[0]->shape[k];
  int64_t &joined = shape[rule.permutation[rule.split_axis]];
  if (__builtin_mul_overflow(joined, static_cast<int64_t>(parts.size()), &joined)) {
    throw Error(ErrorCode::bad_file, fmt::format("shape {} leaves 64 bits when {} of it are joined",
                                                 shape_text(parts[0]->shape), parts.size()));
  }
  StoredTensor result = StoredTensor::of_f32(shape);
  for (std::size_t part = 0; part < parts.size(); ++part) {
    const int64_t elements = parts[part]->elements();
    if (elements == 0) continue;
    const float *const from = parts[part]->f32();
    float *const to = result.f32();
    for_each_element(window_of(rule, shape, part), elements,
                     [&](int64_t there, int64_t here) { std::memcpy(to + there, from + here, sizeof(float)); });
  }
  return result;
}

}  // namespace sluice
