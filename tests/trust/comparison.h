// SPDX-License-Identifier: Apache-2.0
// Results against what they should be.
#pragma once
#include <bit>
#include <cmath>
#include <string>

#include "tests/layers/layer_problem.h"

namespace sluice::testing {

struct Comparison {
  int64_t differing = 0;  // elements; all of them where the shapes differ
  double worst = 0;       // largest error in units of the bound; infinite where one is no number
  std::string first;      // the first one that is wrong: "element 3 is 1.5, expected 1"
};

// Numbers of the same bits, or NaN both.
inline bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// bound: nullptr where no bit may differ.
Comparison compare(const Array<double> &made, const Array<double> &expected, const Array<double> *bound = nullptr);

// Whole multiples of 2^-12 that float32 holds: sums of such numbers had no rounding.
bool has_no_rounding(const Array<double> &array);

// The case's graph in one line: "model LAYER; input input [1 5 8 9]; LAYER node from input to output kernel=3; ..."
std::string one_line(const LayerCase &one);

// Sample k of the batch: inputs cut where `batched` says so, everything else the same.
LayerCase sample_case(const LayerCase &whole, const std::vector<bool> &batched);
void take_sample(const Problem &whole, const std::vector<bool> &batched, int64_t k, Problem &sample);
// Item k of the first axis.
Array<double> item(const Array<double> &whole, int64_t k);

}  // namespace sluice::testing
