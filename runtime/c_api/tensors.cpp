// SPDX-License-Identifier: Apache-2.0
#include "runtime/c_api/tensors.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "runtime/c_api/status.h"

namespace sluice::c_api {
namespace {

DType dtype_of(const sluice_tensor &tensor) {
  switch (tensor.element) {
    case SLUICE_FLOAT32:
      return DType::f32;
    case SLUICE_INT64:
      return DType::i64;
    case SLUICE_UINT8:
      return DType::u8;
  }
  throw Error(ErrorCode::usage,
              fmt::format("tensor '{}': element {} is none of sluice_element", tensor.name, tensor.element));
}

// Bytes; those of a dense tensor where the caller gives none.
std::array<int64_t, SLUICE_MAX_RANK> strides_of(const sluice_tensor &tensor, std::size_t element_bytes) {
  std::array<int64_t, SLUICE_MAX_RANK> strides{};
  const auto rank = static_cast<std::size_t>(tensor.rank);
  std::copy_n(tensor.strides, rank, strides.begin());
  if (std::any_of(strides.begin(), strides.end(), [](int64_t stride) { return stride != 0; })) return strides;
  auto stride = static_cast<int64_t>(element_bytes);
  for (std::size_t d = rank; d-- > 0;) {
    strides[d] = stride;
    stride *= tensor.extents[d];
  }
  return strides;
}

// Calls copy(place in the caller's memory, bytes before it in a dense tensor) for every row along the last axis.
template <typename CopyRow>
void for_each_row(const sluice_tensor &tensor, std::size_t element_bytes, const CopyRow &copy_row) {
  const auto strides = strides_of(tensor, element_bytes);
  const auto last = static_cast<std::size_t>(tensor.rank) - 1;
  const auto row_bytes = static_cast<std::size_t>(tensor.extents[last]) * element_bytes;
  std::array<int64_t, SLUICE_MAX_RANK> index{};
  std::size_t dense = 0;
  for (bool more = true; more; dense += row_bytes) {
    int64_t offset = 0;
    for (std::size_t d = 0; d < last; d++) offset += index[d] * strides[d];
    copy_row(static_cast<std::byte *>(tensor.data) + offset, dense, strides[last]);
    more = false;
    for (std::size_t d = last; d-- > 0 && !more;) {
      more = ++index[d] < tensor.extents[d];
      if (!more) index[d] = 0;
    }
  }
}

// count elements; the two never overlap.
void copy_elements(const std::byte *from, int64_t from_stride, std::byte *to, int64_t to_stride, std::size_t size,
                   int64_t count) {
  const auto dense = static_cast<int64_t>(size);
  if (from_stride == dense && to_stride == dense) {
    std::memcpy(to, from, size * static_cast<std::size_t>(count));
    return;
  }
  for (int64_t i = 0; i < count; i++) std::memcpy(to + i * to_stride, from + i * from_stride, size);
}

}  // namespace

std::string name_of(const sluice_tensor &tensor) {
  require(tensor.name, "the name of a tensor");
  return tensor.name;
}

std::vector<int64_t> shape_of(const sluice_tensor &tensor) {
  const std::string name = name_of(tensor);
  if (tensor.rank < 1 || tensor.rank > SLUICE_MAX_RANK) {
    throw Error(ErrorCode::usage,
                fmt::format("tensor '{}': rank {}, expected 1 to {}", name, tensor.rank, SLUICE_MAX_RANK));
  }
  std::vector<int64_t> shape(tensor.extents, tensor.extents + tensor.rank);
  if (std::any_of(shape.begin(), shape.end(), [](int64_t extent) { return extent < 1; })) {
    throw Error(ErrorCode::usage,
                fmt::format("tensor '{}': extents {}, expected 1 or more each", name, shape_text(shape)));
  }
  constexpr int64_t kMostElements = int64_t{1} << 40;  // whose bytes still are a number
  int64_t elements = 1;
  for (const int64_t extent : shape) {
    if (extent > kMostElements / elements)
      throw Error(ErrorCode::usage, fmt::format("tensor '{}': extents {} are too large", name, shape_text(shape)));
    elements *= extent;
  }
  return shape;
}

StoredTensor read_tensor(const sluice_tensor &tensor) {
  StoredTensor copy{dtype_of(tensor), shape_of(tensor), {}};
  require(tensor.data, fmt::format("the memory of tensor '{}'", tensor.name).c_str());
  const std::size_t size = size_bytes(copy.dtype);
  copy.bytes.resize(static_cast<std::size_t>(copy.elements()) * size);
  for_each_row(tensor, size, [&](const std::byte *row, std::size_t at, int64_t stride) {
    copy_elements(row, stride, copy.bytes.data() + at, static_cast<int64_t>(size), size, copy.shape.back());
  });
  return copy;
}

void check_output(const sluice_tensor &tensor) {
  require(tensor.data, fmt::format("the memory of tensor '{}'", name_of(tensor)).c_str());
  if (tensor.element != SLUICE_FLOAT32)
    throw Error(ErrorCode::usage, fmt::format("output '{}' is SLUICE_FLOAT32", tensor.name));
}

void write_tensor(const StoredTensor &values, const sluice_tensor &tensor) {
  for_each_row(tensor, sizeof(float), [&](std::byte *row, std::size_t at, int64_t stride) {
    copy_elements(values.bytes.data() + at, sizeof(float), row, stride, sizeof(float), values.shape.back());
  });
}

}  // namespace sluice::c_api
