// SPDX-License-Identifier: Apache-2.0
// The transforms of Winograd's minimal filtering (winograd.h) by the names that the attribute `transform` gives them.
#pragma once
#include <cmath>
#include <map>
#include <string>

#include "layer_generators.h"
#include "minimal_filter.h"

namespace sluice::winograd {

// A transform of the attribute `transform`: the filters along x and y, and whether both sums of a channel are in one
// vector, half of it each: 8 to 15 and 17 to 24 gated channels fill vectors of 16 better so. Where vectors are of 8, a
// halved transform is the other one by a second name.
struct Transform {
  Filter across, down;
  bool halved = false;
  bool few = false;   // input channels: 4 to 15, which may not fill a vector
  bool deep = false;  // channels so many that transformed weights do not stay in a cache
  bool is_plain() const { return !halved && !few && !deep && !down.transposed() && down.stride() == 1; }
};
inline const std::map<std::string, Transform> &transforms() {
  static const Row usual{std::sqrt(0.5), std::sqrt(2.0)};
  static const Filter three(3, 1, 4, usual), stride2(3, 2, 3, {1.0}), transposed(3, 2, 3, {1.0}, true);
  // Of four results along both axes the error would be twice as large.
  static const Filter five(5, 1, 4, {0.5, 1.0, 2.0}), five_of_two(5, 1, 2, usual);
  static const std::map<std::string, Transform> all{{"winograd", {three, three}},
                                                    {"winograd_deep", {three, three, false, false, true}},
                                                    {"winograd_halved", {three, three, true}},
                                                    {"winograd_stride2", {stride2, stride2}},
                                                    {"winograd_transposed", {transposed, transposed}},
                                                    {"winograd_k5", {five, five_of_two, false, true}},
                                                    {"winograd_k5_halved", {five, five_of_two, true, true}}};
  return all;
}
inline bool is_transform(const std::string &name) { return transforms().count(name) != 0; }
// Any transform's is as good as another's where there is none.
inline const Transform &transform(const std::string &name) {
  return transforms().at(is_transform(name) ? name : "winograd");
}
inline bool is_halved(const std::string &name, int lanes) { return transform(name).halved && lanes == 16; }

// G w G^T at (point_x, point_y), in double and rounded once. weight(kx, ky): a tap.
template <typename Weight>
Halide::Expr transformed_weight(const Transform &transform, const Halide::Expr &point_x, const Halide::Expr &point_y,
                                Weight weight) {
  Terms rows;
  Halide::Type element;
  for (int ky = 0; ky < transform.down.taps(); ky++) {
    Terms taps;
    for (int kx = 0; kx < transform.across.taps(); kx++) {
      const Halide::Expr tap = weight(kx, ky);
      element = tap.type();
      taps.push_back(Halide::cast<double>(tap));
    }
    rows.push_back(transform.across.weight_transform(point_x, taps));
  }
  return Halide::cast(element, transform.down.weight_transform(point_y, rows));
}

}  // namespace sluice::winograd
