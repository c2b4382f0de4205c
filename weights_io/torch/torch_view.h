// SPDX-License-Identifier: Apache-2.0
// A tensor as PyTorch stores it: a view of a storage by offset, shape and strides. Made dense and row-major here,
// without ever holding the storage: columns, transposes and repeated rows are gathered from pieces of at most a
// mebibyte.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "weights_io/byte_source.h"
#include "weights_io/tensor.h"

namespace sluice {

struct TensorView {
  std::size_t storage = 0;  // a number that its owner understands
  DType dtype = DType::f32;
  uint64_t offset = 0;  // in bytes, of the first element in the storage
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;  // in elements, none negative
};

// The bytes of the storage from its beginning to the last element of the view; 0 for a view without elements. None of
// shape and strides may be negative. Throws Error(bad_file) where the number leaves 64 bits.
uint64_t reach_bytes(const TensorView &view);

// The bytes of the dense tensor. Throws as reach_bytes.
uint64_t dense_bytes(const TensorView &view);

// How many pieces read_view reads.
uint64_t pieces(const TensorView &view);

// The dense, row-major bytes; `begin` is the place of the storage in `source`.
std::vector<std::byte> read_view(ByteSource &source, uint64_t begin, const TensorView &view);

}  // namespace sluice
