// SPDX-License-Identifier: Apache-2.0
// Element types, shapes and the conversions to float32.
#include "weights_io/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "weights_io/error.h"

namespace sluice {
namespace {

static_assert(std::endian::native == std::endian::little, "stored tensors are little endian and are used in place");

struct DTypeRow {
  DType dtype;
  const char *name;
  std::size_t size;
};

constexpr std::array<DTypeRow, 10> kDTypes = {{{DType::f64, "F64", 8},
                                               {DType::f32, "F32", 4},
                                               {DType::f16, "F16", 2},
                                               {DType::bf16, "BF16", 2},
                                               {DType::i64, "I64", 8},
                                               {DType::i32, "I32", 4},
                                               {DType::i16, "I16", 2},
                                               {DType::i8, "I8", 1},
                                               {DType::u8, "U8", 1},
                                               {DType::boolean, "BOOL", 1}}};

const DTypeRow &row(DType dtype) {
  for (const DTypeRow &candidate : kDTypes) {
    if (candidate.dtype == dtype) return candidate;
  }
  throw Error(ErrorCode::bad_file, fmt::format("element type number {} does not exist", static_cast<int>(dtype)));
}

// Refuses a tensor whose bytes are not what its type and shape say.
void check_bytes(const StoredTensor &tensor) {
  const auto elements = static_cast<std::size_t>(tensor.elements());
  const std::size_t size = size_bytes(tensor.dtype);
  if (tensor.bytes.size() % size != 0 || tensor.bytes.size() / size != elements) {
    throw Error(ErrorCode::bad_file, fmt::format("a tensor of type {} and shape {} holds {} bytes", name(tensor.dtype),
                                                 shape_text(tensor.shape), tensor.bytes.size()));
  }
}

void check_f32(const StoredTensor &tensor) {
  if (tensor.dtype != DType::f32) {
    throw Error(ErrorCode::bad_file, fmt::format("expected a tensor of type F32, got {}", name(tensor.dtype)));
  }
  check_bytes(tensor);
}

template <typename T>
T load(const StoredTensor &tensor, std::size_t i) {
  T value;
  std::memcpy(&value, tensor.bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

// Halfway between the largest float32 and the next power of two: from here on rounding would give infinity.
constexpr double kFirstOverflow = 0x1.ffffffp+127;

uint32_t f32_bits_from_f64(double value, std::size_t i) {
  if (std::isfinite(value) && std::fabs(value) >= kFirstOverflow) {
    throw Error(ErrorCode::bad_file, fmt::format("element {} is {}, beyond the range of F32", i, value));
  }
  return std::bit_cast<uint32_t>(static_cast<float>(value));
}

uint32_t element_as_f32_bits(const StoredTensor &tensor, std::size_t i) {
  switch (tensor.dtype) {
    case DType::f64:
      return f32_bits_from_f64(load<double>(tensor, i), i);
    case DType::f16:
      return f32_bits_from_f16(load<uint16_t>(tensor, i));
    case DType::bf16:
      return f32_bits_from_bf16(load<uint16_t>(tensor, i));
    default:
      break;
  }
  throw Error(ErrorCode::bad_file, fmt::format("a tensor of type {} is not one of real numbers", name(tensor.dtype)));
}

}  // namespace

std::size_t size_bytes(DType dtype) { return row(dtype).size; }

const char *name(DType dtype) { return row(dtype).name; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const DTypeRow &candidate : kDTypes) {
    if (name == candidate.name) return candidate.dtype;
  }
  return std::nullopt;
}

bool is_floating(DType dtype) {
  return dtype == DType::f64 || dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16;
}

// The extents behind a zero must fit too: strides are products of them.
int64_t element_count(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  bool is_empty = false;
  for (const int64_t extent : shape) {
    if (extent < 0) throw Error(ErrorCode::bad_file, fmt::format("shape {} has a negative extent", shape_text(shape)));
    if (extent == 0) {
      is_empty = true;
    } else if (__builtin_mul_overflow(count, extent, &count)) {
      throw Error(ErrorCode::bad_file, fmt::format("the number of elements of shape {} overflows", shape_text(shape)));
    }
  }
  return is_empty ? 0 : count;
}

std::string shape_text(const std::vector<int64_t> &shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

const float *StoredTensor::f32() const {
  check_f32(*this);
  return reinterpret_cast<const float *>(bytes.data());
}

float *StoredTensor::f32() {
  check_f32(*this);
  return reinterpret_cast<float *>(bytes.data());
}

StoredTensor StoredTensor::of_f32(std::vector<int64_t> shape, const float *values) {
  StoredTensor tensor{DType::f32, std::move(shape), {}};
  const auto elements = static_cast<std::size_t>(tensor.elements());
  if (elements > std::numeric_limits<std::size_t>::max() / sizeof(float)) {
    throw Error(ErrorCode::bad_file, fmt::format("the size of shape {} overflows", shape_text(tensor.shape)));
  }
  tensor.bytes.resize(elements * sizeof(float));
  if (values != nullptr && elements != 0) std::memcpy(tensor.bytes.data(), values, tensor.bytes.size());
  return tensor;
}

StoredTensor to_f32(const StoredTensor &tensor) {
  if (!is_floating(tensor.dtype)) {
    throw Error(ErrorCode::bad_file, fmt::format("a tensor of type {} is not converted to F32", name(tensor.dtype)));
  }
  check_bytes(tensor);
  if (tensor.dtype == DType::f32) return tensor;
  StoredTensor result = StoredTensor::of_f32(tensor.shape);
  const auto elements = static_cast<std::size_t>(tensor.elements());
  for (std::size_t i = 0; i < elements; ++i) {
    const uint32_t bits = element_as_f32_bits(tensor, i);
    std::memcpy(result.bytes.data() + i * sizeof(bits), &bits, sizeof(bits));
  }
  return result;
}

uint32_t f32_bits_from_f16(uint16_t bits) {
  const uint32_t sign = (bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  uint32_t fraction = bits & 0x3ffu;
  if (exponent == 31) return sign | 0x7f800000u | (fraction << 13);  // infinity, NaN
  if (exponent != 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction == 0) return sign;
  uint32_t shifted = 113;  // subnormal: every one is a normal float32
  while ((fraction & 0x400u) == 0) {
    fraction <<= 1;
    --shifted;
  }
  return sign | (shifted << 23) | ((fraction & 0x3ffu) << 13);
}

uint32_t f32_bits_from_bf16(uint16_t bits) { return static_cast<uint32_t>(bits) << 16; }

}  // namespace sluice
