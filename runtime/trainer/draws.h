// SPDX-License-Identifier: Apache-2.0
// Random numbers of one sample: the n-th is a function of (seed, purpose, sample, n), so that what a sample looks like
// depends neither on threads nor on what was drawn for others.
#pragma once
#include <cmath>
#include <cstdint>
#include <string>

#include "runtime/noise.h"
#include "runtime/training/initialisation.h"

namespace sluice {

class Draws {
 public:
  // At most 65536 numbers are drawn for a sample; samples are numbered below 2^48.
  Draws(uint64_t seed, const std::string &purpose, uint64_t sample)
      : seed_(seed), stream_(stream_of(purpose)), next_(sample << 16) {}

  double uniform() { return uniform_number(seed_, stream_, next_++); }  // between 0 and 1, both excluded
  double uniform(double low, double high) { return std::fma(uniform(), high - low, low); }
  int64_t integer(int64_t first, int64_t last) {  // both included
    const double span = static_cast<double>(last - first + 1);
    const auto drawn = static_cast<int64_t>(uniform() * span);
    return first + (drawn > last - first ? last - first : drawn);
  }
  uint64_t whole() {  // of 53 bits
    return static_cast<uint64_t>(uniform() * 0x1p53);
  }
  double normal() { return normal_number(seed_, stream_, next_++); }

 private:
  uint64_t seed_, stream_, next_;
};

}  // namespace sluice
