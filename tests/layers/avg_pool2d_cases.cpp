// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"
#include "tests/layers/pooling_reference.h"

namespace sluice::testing {
namespace {

struct AvgPool2d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Array<T> &input = in.at("input");
    const double taps = static_cast<double>(a.integer("kernel", 1, 0) * a.integer("kernel", 1, 1));
    Array<T> output({input.shape[0], input.shape[1], pooled(a, input.shape, 2), pooled(a, input.shape, 3)});
    for_each_tap(a, input.shape, [&](int64_t n, int64_t c, int64_t y, int64_t x, int64_t v, int64_t u, bool) {
      output.at(n, c, y, x) += input.padded(n, c, v, u) / taps;
    });
    return output;
  }
};

const RegisterLayerCases registered(
    "avg_pool2d", make_reference<AvgPool2d>(),
    {
        {"", "k2_s2", "kernel=2 stride=2", {{2, 5, 6, 8}}, true},
        {"", "k2_s2_wide", "kernel=2 stride=2", {{1, 35, 7, 9}}, true},
        {"", "k3_s2_p1", "kernel=3 stride=2 padding=1", {{2, 19, 9, 7}}},
        {"", "k3_s1_p1", "kernel=3 stride=1 padding=1", {{1, 16, 5, 6}}},
        {"", "k3x1_s2x1_uneven", "kernel=3,1 stride=2,1 padding=1,0,0,2", {{1, 9, 8, 5}}},
        {"", "k4_s3_d2", "kernel=4 stride=3 dilation=2 padding=3,3,3,3", {{1, 8, 11, 10}}, true},
    });

}  // namespace
}  // namespace sluice::testing
