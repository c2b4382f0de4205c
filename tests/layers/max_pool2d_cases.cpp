// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/layers/layer_cases.h"
#include "tests/layers/pooling_reference.h"

namespace sluice::testing {
namespace {

struct MaxPool2d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Array<T> &input = in.at("input");
    Array<T> output({input.shape[0], input.shape[1], pooled(a, input.shape, 2), pooled(a, input.shape, 3)});
    std::fill(output.values.begin(), output.values.end(), T(-1e300));
    for_each_tap(a, input.shape, [&](int64_t n, int64_t c, int64_t y, int64_t x, int64_t v, int64_t u, bool inside) {
      T &best = output.at(n, c, y, x);
      if (inside && real_part(input.at(n, c, v, u)) > real_part(best)) best = input.at(n, c, v, u);
    });
    return output;
  }
};

// Whole numbers have ties: their gradient goes to the first maximum, here as in the kernel.
const RegisterLayerCases registered("max_pool2d", make_reference<MaxPool2d>(),
                                    {
                                        {"", "k2_s2", "kernel=2 stride=2", {{2, 5, 6, 8}}, true},
                                        {"", "k2_s2_wide", "kernel=2 stride=2", {{1, 35, 7, 9}}, true},
                                        {"", "k3_s2_p1", "kernel=3 stride=2 padding=1", {{2, 19, 9, 7}}, true},
                                        {"", "k3_s1_p1", "kernel=3 stride=1 padding=1", {{1, 16, 5, 6}}, true},
                                        {"", "k3x1", "kernel=3,1 stride=2,1 padding=1,0,0,0", {{1, 9, 8, 5}}, true},
                                    });

}  // namespace
}  // namespace sluice::testing
