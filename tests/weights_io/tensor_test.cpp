// SPDX-License-Identifier: Apache-2.0
// Stored tensors: conversion to float32 and access by type.
#include "weights_io/tensor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/weights_io/support.h"

namespace sluice {
namespace {

using test::Bytes;
using test::message_of;
using ::testing::IsSubstring;

TEST(Tensor, HalfPrecision) {
  const auto value = [](uint16_t bits) { return std::bit_cast<float>(f32_bits_from_f16(bits)); };
  EXPECT_EQ(value(0x3c00), 1.0f);
  EXPECT_EQ(value(0xc000), -2.0f);
  EXPECT_EQ(value(0x7bff), 65504.0f);
  EXPECT_EQ(value(0x0400), 0x1p-14f);
  EXPECT_EQ(value(0x0001), 0x1p-24f);
  EXPECT_EQ(value(0x83ff), -1023 * 0x1p-24f);
  EXPECT_EQ(f32_bits_from_f16(0x8000), 0x80000000u);
  EXPECT_EQ(f32_bits_from_f16(0x7c00), 0x7f800000u);
  EXPECT_EQ(f32_bits_from_f16(0xfe01), 0xffc02000u);
  for (uint32_t bits = 0; bits < 0x7c00; ++bits) {  // all finite magnitudes, from their definition
    const int exponent = static_cast<int>(bits >> 10);
    const auto fraction = static_cast<float>((bits & 0x3ff) + (exponent == 0 ? 0u : 0x400u));
    ASSERT_EQ(value(static_cast<uint16_t>(bits)), std::ldexp(fraction, std::max(exponent, 1) - 25)) << bits;
  }
  EXPECT_EQ(f32_bits_from_bf16(0xc049), 0xc0490000u);
}

TEST(Tensor, ToFloat32) {
  const auto of_doubles = [](std::vector<double> values) {
    StoredTensor tensor{DType::f64, {static_cast<int64_t>(values.size())}, Bytes(values.size() * 8)};
    std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
    return tensor;
  };
  const double largest = std::numeric_limits<float>::max();
  const StoredTensor converted = to_f32(of_doubles({0.1, -largest, 0x1.fffffefffffffp+127, HUGE_VAL, 1e-50}));
  EXPECT_EQ(converted.f32()[0], 0.1f);
  EXPECT_EQ(converted.f32()[1], -std::numeric_limits<float>::max());
  EXPECT_EQ(converted.f32()[2], std::numeric_limits<float>::max());
  EXPECT_EQ(converted.f32()[3], std::numeric_limits<float>::infinity());
  EXPECT_EQ(converted.f32()[4], 0.0f);
  EXPECT_PRED_FORMAT2(IsSubstring, "element 1", message_of(ErrorCode::bad_file, [&] {
                        to_f32(of_doubles({0, 0x1.ffffffp+127}));
                      }));
  EXPECT_THROW(to_f32(of_doubles({-1e300})), Error);
  const StoredTensor half{DType::f16, {1}, {std::byte{0}, std::byte{0x3c}}};
  EXPECT_EQ(*to_f32(half).f32(), 1.0f);
  const StoredTensor brain{DType::bf16, {1}, {std::byte{0x80}, std::byte{0x3f}}};
  EXPECT_EQ(*to_f32(brain).f32(), 1.0f);
  EXPECT_EQ(to_f32(converted), converted);
  EXPECT_PRED_FORMAT2(IsSubstring, "I64", message_of(ErrorCode::bad_file, [&] {
                        to_f32({DType::i64, {1}, Bytes(8)});
                      }));
}

TEST(Tensor, AskedForAnotherTypeThanItHas) {
  StoredTensor tensor{DType::i32, {1}, Bytes(4)};
  EXPECT_PRED_FORMAT2(IsSubstring, "expected a tensor of type F32, got I32",
                      message_of(ErrorCode::bad_file, [&] { tensor.f32(); }));
  tensor.dtype = DType::f32;
  EXPECT_NO_THROW(tensor.f32());
  tensor.shape = {2};
  EXPECT_PRED_FORMAT2(IsSubstring, "shape [2] holds 4 bytes", message_of(ErrorCode::bad_file, [&] { tensor.f32(); }));
}

}  // namespace
}  // namespace sluice
