// SPDX-License-Identifier: Apache-2.0
// Layout changes, plain loops.
#include "runtime/tensor_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "weights_io/error.h"

namespace sluice {
namespace {

float *at(const BufferView &view, int64_t c, int64_t x, int64_t y, int64_t n) {
  return static_cast<float *>(view.data) + c * view.strides[0] + x * view.strides[1] + y * view.strides[2] +
         n * view.strides[3];
}

// A file's shape as n c h w.
std::array<int64_t, 4> picture_shape(const std::vector<int64_t> &shape) {
  std::array<int64_t, 4> picture{shape.empty() ? 1 : shape[0], 1, 1, 1};
  for (size_t d = 1; d < shape.size(); d++) {
    const size_t to = d == 1 ? 1 : d + 1 == shape.size() ? 3 : 2;
    picture[to] *= shape[d];
  }
  return picture;
}

// Labels: each is one of the graph's range.
template <typename T>
void check_range(const GraphInput &input, const StoredTensor &source) {
  const T *values = reinterpret_cast<const T *>(source.bytes.data());
  for (int64_t i = 0; i < source.elements(); i++) {
    const double value = static_cast<double>(values[i]);
    if (value >= static_cast<double>(input.range->first) && value <= static_cast<double>(input.range->second)) continue;
    throw Error(ErrorCode::input_failed, fmt::format("input '{}': {} is not in the range {} to {}", input.name, value,
                                                     input.range->first, input.range->second));
  }
}

// Pixels first..last - 1 of a row that has `width`.
struct Pixels {
  int64_t first, last, width;
  bool outside, edge;  // outside: all of them are zeros; edge: those beyond the row are as its last
};
constexpr int64_t kPixels = 16;  // at a time: lines of all channels that stay in the first cache

template <typename T>
void fill_pixels(const GraphInput &input, const T *from, const Pixels &pixels, float *to, int64_t stride) {
  const float scale = input.scale, offset = input.offset;
  const int64_t inside = pixels.outside ? pixels.first : std::clamp(pixels.width, pixels.first, pixels.last);
  for (int64_t x = pixels.first; x < inside; x++) to[x * stride] = static_cast<float>(from[x]) * scale + offset;
  const float beyond = pixels.edge ? static_cast<float>(from[pixels.width - 1]) * scale + offset : 0.0f;
  for (int64_t x = inside; x < pixels.last; x++) to[x * stride] = beyond;
}

template <typename T>
void fill(const GraphInput &input, const StoredTensor &source, const BufferView &whole) {
  const BufferView view = as_picture(whole);
  if (input.range) check_range<T>(input, source);
  const auto [count, channels, height, width] = picture_shape(source.shape);
  const bool edge = input.pad == "edge";
  const T *values = reinterpret_cast<const T *>(source.bytes.data());
  for (int64_t n = 0; n < view.extents[3]; n++) {
    const T *picture = values + (count == 1 ? 0 : n) * channels * height * width;
    for (int64_t y = 0; y < view.extents[2]; y++) {
      for (int64_t x = 0; x < view.extents[1]; x += kPixels) {
        const int64_t last = std::min(x + kPixels, view.extents[1]);
        for (int64_t c = 0; c < channels; c++)
          fill_pixels(input, picture + (c * height + std::min(y, height - 1)) * width,
                      {x, last, width, y >= height && !edge, edge}, at(view, c, 0, y, n), view.strides[1]);
      }
    }
  }
}

}  // namespace

void fill_input(const GraphInput &input, const StoredTensor &source, const BufferView &view) {
  switch (source.dtype) {
    case DType::f32:
      return fill<float>(input, source, view);
    case DType::u8:
      return fill<uint8_t>(input, source, view);
    case DType::i64:
      return fill<int64_t>(input, source, view);
    default:
      throw Error(ErrorCode::input_failed,
                  fmt::format("input '{}': expected F32, U8 or I64, got {}", input.name, name(source.dtype)));
  }
}

void fill_constant(float value, int64_t width, int64_t height, const BufferView &whole) {
  const BufferView view = as_picture(whole);
  for (int64_t n = 0; n < view.extents[3]; n++) {
    for (int64_t y = 0; y < view.extents[2]; y++) {
      for (int64_t x = 0; x < view.extents[1]; x++) {
        for (int64_t c = 0; c < view.extents[0]; c++) *at(view, c, x, y, n) = x < width && y < height ? value : 0.0f;
      }
    }
  }
}

std::vector<int64_t> file_shape(const Extents &extents) {
  if (extents.size() < 2) return extents;
  std::vector<int64_t> shape{extents.back(), extents[0]};
  for (size_t d = extents.size() - 2; d >= 1; d--) shape.push_back(extents[d]);
  return shape;
}

StoredTensor read_output(const BufferView &whole) {
  const BufferView view = as_picture(whole);
  StoredTensor tensor = read_output(view, view.extents[1], view.extents[2]);
  tensor.shape = file_shape(whole.extents);
  return tensor;
}

StoredTensor read_output(const BufferView &view, int64_t width, int64_t height) {
  StoredTensor tensor = StoredTensor::of_f32({view.extents[3], view.extents[0], height, width});
  float *to = tensor.f32();
  for (int64_t n = 0; n < view.extents[3]; n++) {
    for (int64_t c = 0; c < view.extents[0]; c++) {
      for (int64_t y = 0; y < height; y++) {
        for (int64_t x = 0; x < width; x++) *to++ = *at(view, c, x, y, n);
      }
    }
  }
  return tensor;
}

void copy_view(const BufferView &source, const BufferView &target) {
  const BufferView from = as_picture(source), to = as_picture(target);
  const size_t pixel = static_cast<size_t>(from.extents[0]) * sizeof(float);
  for (int64_t n = 0; n < from.extents[3]; n++) {
    for (int64_t y = 0; y < from.extents[2]; y++) {
      for (int64_t x = 0; x < from.extents[1]; x++) std::memcpy(at(to, 0, x, y, n), at(from, 0, x, y, n), pixel);
    }
  }
}

}  // namespace sluice
