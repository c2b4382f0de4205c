// SPDX-License-Identifier: Apache-2.0
// A tensor as it lies in a file: element type, shape, raw little-endian bytes. Nothing here computes with it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

enum class DType { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

std::size_t size_bytes(DType dtype);
// The name safetensors gives the type: "F32", "BF16", "BOOL", ...
const char *name(DType dtype);
std::optional<DType> dtype_from_name(std::string_view name);
bool is_floating(DType dtype);

// The number of elements of a shape. Throws Error(bad_file) for a negative extent and where a product leaves int64.
int64_t element_count(const std::vector<int64_t> &shape);

// "[48, 5, 5, 5]", for messages.
std::string shape_text(const std::vector<int64_t> &shape);

struct StoredTensor {
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;

  int64_t elements() const { return element_count(shape); }

  // The elements as float32. Throws Error(bad_file) when the type is another, or the bytes do not fit the shape.
  const float *f32() const;
  float *f32();

  // A float32 tensor, copied from `values`, or of zeros when `values` is null.
  static StoredTensor of_f32(std::vector<int64_t> shape, const float *values = nullptr);

  friend bool operator==(const StoredTensor &, const StoredTensor &) = default;
};

using TensorMap = std::map<std::string, StoredTensor>;

struct Archive {
  TensorMap tensors;
  std::map<std::string, std::string> metadata;
};

// The same values as float32: f16 and bf16 exactly, f64 rounded to nearest, f32 copied. Throws Error(bad_file) for
// integers, and for a finite double beyond the range of float32.
StoredTensor to_f32(const StoredTensor &tensor);

// The bits of a float32 equal to the half-precision or bfloat16 number of these bits. Subnormals, infinities and NaN
// (with its payload) are kept.
uint32_t f32_bits_from_f16(uint16_t bits);
uint32_t f32_bits_from_bf16(uint16_t bits);

}  // namespace sluice
