// SPDX-License-Identifier: Apache-2.0
// Random numbers by position: the n-th number of a stream is a function of (seed, stream, n) and nothing else,
// so it is the same on every machine, for any number of threads and in any order.
#pragma once
#include <array>
#include <cstdint>

namespace sluice {

// Philox4x32 with 10 rounds (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011).
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// The point below which a standard normal variable lies with `probability`, 0 < probability < 1. Relative error below
// 1e-15 (Wichura 1988, algorithm AS 241). Only operations that IEEE 754 rounds in one way are used, and products that
// are added to something are written as std::fma, so no compiler and no mathematics library changes a bit.
double normal_quantile(double probability);

// A number between 0 and 1, both excluded. The key of Philox is the seed; its counter is (index / 2, stream), low words
// first. Of the four words made, an even index takes the first two, an odd one the last two: k = the upper 52 of their
// 64 bits (the second word above the first), and the number is (k + 1/2) / 2^52.
double uniform_number(uint64_t seed, uint64_t stream, uint64_t index);

// A standard normal number: normal_quantile(uniform_number(...)). It is never beyond +-8.3.
double normal_number(uint64_t seed, uint64_t stream, uint64_t index);

}  // namespace sluice
